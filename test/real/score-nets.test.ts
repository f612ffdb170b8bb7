import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { label } from '../../src/media/drawing/label.js';
import type { RgbImage } from '../../src/models/ports.js';
import { openScoreNet } from '../../src/models/scoring/score-net.js';

/** Two real nets, fetched by infra/setup-score-nets.mjs. */
const folder = resolve(process.env.VIMI_SCORE_NETS ?? '.cache/score-nets');

/** Rough like gravel, with writing on it where some is wanted. */
async function gravel(text?: string): Promise<RgbImage> {
  const [width, height] = [512, 288];
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const grey = Array.from({ length: width * height }, () => 90 + 80 * random());
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => grey[Math.floor(i / 3)]! - 8 * (i % 3));
  const over = text === undefined ? null : await label(text, { size: 34, colour: '#ffffff' });
  if (!over) return { width, height, data };
  const written = await sharp(data, { raw: { width, height, channels: 3 } })
    .composite([{ input: over.data, left: 40, top: 120 }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width, height, data: written };
}

async function scores(net: string): Promise<[plain: number, written: number]> {
  const opened = await openScoreNet(join(folder, net));
  try {
    return [await opened.score(await gravel()), await opened.score(await gravel('SALE 50 off today'))];
  } finally {
    await opened.close();
  }
}

test('text in the picture: writing covers some of it, and gravel has none', async () => {
  const [plain, written] = await scores('text');
  expect(plain).toBeLessThan(0.001);
  expect(written).toBeGreaterThan(0.02);
  expect(written).toBeLessThan(0.06);
});

test('safety: gravel is safe, with writing and without', async () => {
  for (const score of await scores('safety')) expect(score).toBeLessThan(0.1);
});
