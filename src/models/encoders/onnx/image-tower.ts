import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { VimiError } from '../../../core/errors.js';
import type { RgbImage } from '../../ports.js';
import { openImageProcessor } from './image-processor.js';
import { openNet } from './net.js';
import { netFile } from './net-file.js';

/** An image is at most so many vectors to each side: finer ones are laid together. */
const mostSide = 4;

/** A net that says of each part of an image what is there. */
export interface ImageTower {
  /** Of everything that decides its vectors. */
  sha256: string;
  /** `width` channels each, row by row, at most 4x4 of an image. */
  look(image: RgbImage): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/**
 * The vision tower of a CLIP or SigLIP: `pixel_values` → `last_hidden_state` [1, P, width], P patches of a square, and of CLIP one
 * for the whole before them; where its channels are not `width`, `image_embeds` [1, width], one vector for the whole. Images are
 * prepared as preprocessor_config.json in `folder` says. The same vectors on every machine, as those of texts.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openImageTower(folder: string, file: string, width: number): Promise<ImageTower> {
  const pixelsOf = await openImageProcessor(folder);
  const processor = await netFile(join(folder, 'preprocessor_config.json'), 2 ** 20);
  const net = await openNet(file);
  const channels = (name: string) => net.outputs.find((output) => output.name === name)?.shape.at(-1);
  const output = ['last_hidden_state', 'image_embeds'].find((name) => channels(name) === width);
  if (output === undefined || net.inputs.some(({ name }) => name !== 'pixel_values')) {
    const text = (ports: typeof net.outputs) => ports.map(({ name, shape }) => `${name} [${shape}]`).join(', ');
    await net.close();
    throw new VimiError('WEIGHTS_DAMAGED', 'This net does not see images for the language model beside it', {
      expected: `pixel_values [B, 3, H, W] → last_hidden_state [B, P, ${width}] or image_embeds [B, ${width}]`,
      found: `${text(net.inputs)} → ${text(net.outputs)}`,
      where: file,
    });
  }
  return {
    sha256: createHash('sha256').update(net.sha256).update(processor).digest('hex'),
    async look(image) {
      const { values, shape } = (await net.run({ pixel_values: pixelsOf(image) }))[output]!;
      const count = values.length / width;
      const vectors = Array.from({ length: count }, (_, n) => values.subarray(n * width, (n + 1) * width));
      if (output === 'image_embeds' && count === 1) return [values];
      const side = Math.floor(Math.sqrt(count));
      if (shape[0] === 1 && shape[2] === width && side > 0 && count - side ** 2 <= 1)
        return coarser(vectors.slice(count - side ** 2), side);
      throw new VimiError('WEIGHTS_DAMAGED', 'The net does not return the parts of one square image', {
        expected: `[1, P, ${width}], P a square number, or one more`,
        found: `[${shape}]`,
        where: file,
      });
    },
    close: () => net.close(),
  };
}

/** Of side x side vectors at most 4x4: the means of areas that together cover all. */
function coarser(vectors: readonly Float32Array[], side: number): Float32Array[] {
  const n = Math.min(side, mostSide);
  const range = (i: number) => [Math.floor((i * side) / n), Math.ceil(((i + 1) * side) / n)] as const;
  return Array.from({ length: n * n }, (_, i) => {
    const [[top, bottom], [left, right]] = [range(Math.floor(i / n)), range(i % n)];
    const area = vectors.filter((_, at) => {
      const [row, column] = [Math.floor(at / side), at % side];
      return row >= top && row < bottom && column >= left && column < right;
    });
    return vectors[0]!.map((_, k) => area.reduce((sum, vector) => sum + vector[k]!, 0) / area.length);
  });
}
