import { imageRole } from '../../dist/events/prompt.js';
import { matteOf } from '../../dist/models/networks/extensions/matte.js';
import { wordRows } from '../../dist/models/networks/prompt-input.js';
import { presets } from '../../dist/models/presets/presets.js';

const { vocabulary, imageSide } = presets.nano.encoder;

/**
 * A batch as the tensors that bench/pytorch reads: videos and numbers as they are, of prompts one row an item (see
 * Prompts in prompt_encoder.py), what is not known as zeros.
 */
export function tensorsOf(batch) {
  const { B, T, side, height = side } = batch;
  const tensors = new Map();
  const add = (name, shape, values) => tensors.set(name, { shape, values: Float32Array.from(values) });
  for (const name of ['x', 'eps']) if (batch[name]) add(name, [B, T, height, side, 3], batch[name]);
  for (const name of ['sigma', 'fps']) add(name, [B], batch[name]);
  add('frames', [B, T], batch.frames.flat());

  const words = [];
  const images = [];
  for (const [b, items] of batch.prompts.entries()) {
    let [word, image] = [0, 0];
    for (const [place, item] of items.entries())
      if ('image' in item) images.push({ ...item, at: [b, image++, place] });
      else words.push({ rows: wordRows(item.word, vocabulary), at: [b, word++, place] });
  }
  const rows = words.flatMap((word) => word.rows);
  add(
    'words.at',
    [words.length, 3],
    words.flatMap(({ at }) => at),
  );
  add(
    'words.counts',
    [words.length],
    words.map((word) => word.rows.length),
  );
  add('words.rows', [rows.length], rows);
  add(
    'images.at',
    [images.length, 3],
    images.flatMap(({ at }) => at),
  );
  add(
    'images.roles',
    [images.length],
    images.map(({ role }) => imageRole.options.indexOf(role)),
  );
  const pixels = images.flatMap(({ image }) => {
    const matte = matteOf(image, imageSide);
    return [...matte].flatMap((share, i) => [...image.subarray(3 * i, 3 * i + 3), share]);
  });
  add('images.pixels', [images.length, imageSide, imageSide, 4], pixels);

  if (batch.masks) {
    add(
      'masks.known',
      [B],
      batch.masks.map((mask) => (mask ? 1 : 0)),
    );
    for (const name of ['cells', 'patches']) {
      const each = batch.masks.find(Boolean)[name].length / T;
      add(
        `masks.${name}`,
        [B, T, each],
        batch.masks.flatMap((mask) => [...(mask?.[name] ?? new Float32Array(T * each))]),
      );
    }
    const K = Math.max(0, ...batch.prompts.map((items) => items.filter((item) => 'image' in item).length));
    const cells = tensors.get('masks.patches').shape[2];
    for (const [name, each] of Object.entries({ known: [], heat: [cells], pose: [5] })) {
      const size = T * (each[0] ?? 1);
      const values = new Float32Array(B * K * size);
      for (const [b, list] of batch.places.entries())
        for (const [k, one] of list.entries()) if (one) values.set(one[name], (b * K + k) * size);
      add(`places.${name}`, [B, K, T, ...each], values);
    }
  }
  return tensors;
}
