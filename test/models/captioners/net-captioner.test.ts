import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openNetCaptioner } from '../../../src/models/captioners/net-captioner.js';
import type { RgbImage, Shown } from '../../../src/models/ports.js';

const fixture = join(import.meta.dirname, '../encoders/onnx/fixtures/captioner');
const place = mkdtempSync(join(tmpdir(), 'vimi-captioner-'));
afterAll(() => rmSync(place, { recursive: true }));
let n = 0;
const changed = (change: (copy: string) => void) => {
  const copy = join(place, String(n++));
  cpSync(fixture, copy, { recursive: true });
  change(copy);
  return copy;
};
const config = {
  ...{ encoder: {}, decoder: { vocab_size: 10, n_positions: 16 } },
  ...{ decoder_start_token_id: 2, eos_token_id: 3, max_length: 8 },
};
const configured = (more: object) =>
  changed((copy) => writeFileSync(join(copy, 'config.json'), JSON.stringify({ ...config, ...more })));

const plain = (...colour: [number, number, number]): RgbImage => ({
  ...{ width: 12, height: 10 },
  data: Uint8Array.from({ length: 360 }, (_, i) => colour[i % 3]!),
});
const [red, blue] = [plain(255, 0, 0), plain(0, 0, 255)];
const never = new AbortController().signal;

async function captions(folder: string, ...images: RgbImage[]) {
  const captioner = await openNetCaptioner(folder);
  try {
    const shown = (pixels: RgbImage): Shown => ({
      image: { mediaType: 'image/webp', bytes: async () => new Uint8Array(), pixels: async () => pixels },
      known: [],
      mostCharacters: 4000,
    });
    const made = [];
    for (const image of images) made.push(await captioner.caption(shown(image), never));
    return made;
  } finally {
    await captioner.close();
  }
}

describe('a captioner from a folder', () => {
  it('says what it sees, as Python and onnxruntime say it (fixtures/make.py), and is named by what decides its words', async () => {
    const [dog, car, again] = await captions(fixture, red, blue, red);
    expect(dog).toMatchObject({ text: 'a dog moves', by: expect.stringMatching(/^captioner\/[0-9a-f]{16}$/) });
    expect(dog!.score).toBeCloseTo(0.9945597710190126, 5);
    expect(car!.text).toBe('a car moves');
    expect(again).toEqual(dog);
  });

  it('finds its nets under onnx/, and has the same name there but for the folder', async () => {
    const moved = changed((copy) => {
      mkdirSync(join(copy, 'onnx'));
      for (const name of ['encoder_model.onnx', 'decoder_model.onnx'])
        renameSync(join(copy, name), join(copy, 'onnx', name));
    });
    const [[here], [there]] = [await captions(fixture, red), await captions(moved, red)];
    expect(there!.by).toBe(here!.by.replace('captioner', basename(moved)));
  });

  it('ends after as many tokens as the config says, at the latest', async () => {
    expect((await captions(configured({ max_length: 3 }), red))[0]!.text).toBe('a dog');
    const without = configured({ eos_token_id: 9, decoder: { vocab_size: 10, n_positions: 6 }, max_length: null });
    // [SEP] is no end here, and no word either.
    expect((await captions(without, red))[0]!.text).toBe('a dog moves dog moves');
  });

  it('takes what generation_config.json says before what config.json says', async () => {
    const folder = changed((copy) =>
      writeFileSync(join(copy, 'generation_config.json'), JSON.stringify({ max_new_tokens: 2, eos_token_id: [3, 8] })),
    );
    expect((await captions(folder, red))[0]!.text).toBe('a dog');
  });

  it('says nothing where it ends at once', async () => {
    expect(await captions(configured({ eos_token_id: [3, 4] }), red)).toEqual([undefined]);
  });

  it.each([
    ['no decoder', { decoder: undefined }],
    ['no end', { eos_token_id: undefined }],
    ['another vocabulary', { decoder: { vocab_size: 11 } }],
    ['a start beyond all tokens', { decoder_start_token_id: 12 }],
  ])('with %s in its config is damaged, or does not run', async (_, more) => {
    await expect(captions(configured(more), red)).rejects.toMatchObject({
      code: expect.stringMatching(/^(WEIGHTS_DAMAGED|SHAPE_MISMATCH)$/),
    });
  });

  it('without its nets, or with other nets, is refused by name', async () => {
    const without = changed((copy) => rmSync(join(copy, 'decoder_model.onnx')));
    await expect(captions(without, red)).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
    const swapped = changed((copy) => {
      cpSync(join(copy, 'encoder_model.onnx'), join(copy, 'decoder_model.onnx'));
    });
    await expect(captions(swapped, red)).rejects.toMatchObject({
      code: 'WEIGHTS_DAMAGED',
      found: 'pixel_values → last_hidden_state',
    });
  });
});
