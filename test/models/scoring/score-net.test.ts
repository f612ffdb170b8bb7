import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RgbImage } from '../../../src/models/ports.js';
import { openScoreNet } from '../../../src/models/scoring/score-net.js';

const fixtures = join(import.meta.dirname, '../encoders/onnx/fixtures');
const place = mkdtempSync(join(tmpdir(), 'vimi-score-net-'));
afterAll(() => rmSync(place, { recursive: true }));
let n = 0;
/** A folder with a fixture and a score.json. */
function folderOf(net: string, told: unknown): string {
  const folder = join(place, String(n++));
  mkdirSync(folder);
  copyFileSync(join(fixtures, net), join(folder, 'net.onnx'));
  writeFileSync(join(folder, 'score.json'), typeof told === 'string' ? told : JSON.stringify(told));
  return folder;
}
async function scored(net: string, told: object, seen: RgbImage | number[]): Promise<number> {
  const opened = await openScoreNet(folderOf(net, { net: 'net.onnx', ...told }));
  try {
    return await opened.score(seen);
  } finally {
    await opened.close();
  }
}

const filled = (width: number, height: number, ...colour: number[]): RgbImage => ({
  ...{ width, height },
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]!),
});
/** [N, 3, 8, 8] of numbers → their means, [N, 3]. */
const means = 'clip/vision_model.onnx';
const image = { width: 8, height: 8 };
const colour = filled(20, 10, 51, 102, 255);

describe('a net that scores images', () => {
  it.each([
    ['the largest of all', {}, 1],
    ['one of them', { take: [0] }, 0.2],
    ['the larger of two', { take: [0, 1] }, 0.4],
    ['their mean', { reduce: 'mean' }, (0.2 + 0.4 + 1) / 3],
    ['their sum', { reduce: 'sum', take: [0, 1] }, 0.6],
    ['what is above a number', { reduce: 'share', above: 0.3 }, 2 / 3],
    ['a range', { take: [1], range: [0, 0.5] }, 0.8],
    ['a range that falls', { take: [1], range: [1, 0] }, 0.6],
    ['never more than 1', { reduce: 'sum', range: [0, 0.5] }, 1],
    ['nor less than 0', { take: [0], range: [0.5, 1] }, 0],
    ['a sigmoid', { take: [0], activation: 'sigmoid' }, 1 / (1 + Math.exp(-0.2))],
    ['a softmax', { take: [2], activation: 'softmax' }, Math.E / (Math.exp(0.2) + Math.exp(0.4) + Math.E)],
  ])('gives %s', async (_, how, score) => {
    expect(await scored(means, { image, ...how }, colour)).toBeCloseTo(score, 5);
  });

  it('sees what score.json says: the order of colours, normalised, padded', async () => {
    const red = { image: { ...image, channels: 'bgr' }, take: [2] };
    expect(await scored(means, red, colour)).toBeCloseTo(0.2, 5);
    const normal = { image: { ...image, mean: [0.1, 0, 0], std: [0.5, 1, 1] }, take: [0] };
    expect(await scored(means, normal, colour)).toBeCloseTo(0.2, 5);
    // Half of the square is black.
    expect(await scored(means, { image: { ...image, fit: 'pad' }, take: [2] }, colour)).toBeCloseTo(0.5, 5);
    expect(await scored(means, { image, take: [2] }, colour)).toBeCloseTo(1, 5);
  });

  it('sees bytes as they are, channels last, where the net does', async () => {
    const bytes = { image: { ...image, layout: 'nhwc' }, take: [1], range: [0, 255] };
    expect(await scored('picture.onnx', bytes, colour)).toBeCloseTo(102 / 255, 6);
  });

  it('may be a head on the embedding', async () => {
    expect(await scored('head.onnx', { embedding: {}, range: [0, 1] }, [0.6, 0.8, 0])).toBeCloseTo(0.5, 6);
    const opened = await openScoreNet(folderOf('head.onnx', { net: 'net.onnx', embedding: { encoder: 'x' } }));
    expect(opened).toMatchObject({ sees: 'embedding', encoder: 'x', dimensions: 3 });
    await opened.close();
  });

  it.each<[string, string, unknown]>([
    ['no JSON', means, '{'],
    ['a list', means, []],
    ['no net', means, { image }],
    ['a net elsewhere', means, { net: '../net.onnx', image }],
    ['neither image nor embedding', means, { net: 'net.onnx' }],
    ['both', means, { net: 'net.onnx', image, embedding: {} }],
    ['another key', means, { net: 'net.onnx', image, limit: 3 }],
    ['another size than the net takes', means, { net: 'net.onnx', image: { width: 9, height: 8 } }],
    ['another layout than the net takes', means, { net: 'net.onnx', image: { ...image, layout: 'nhwc' } }],
    ['an output that is not there', means, { net: 'net.onnx', image, output: 'x' }],
    ['numbers to take that are not there', means, { net: 'net.onnx', image, take: [3] }],
    ['a range of nothing', means, { net: 'net.onnx', image, range: [1, 1] }],
    ['an image for a head', 'head.onnx', { net: 'net.onnx', image }],
    ['an embedding for a net of images', means, { net: 'net.onnx', embedding: {} }],
    ['a net of several inputs', 'encoder/model.onnx', { net: 'net.onnx', embedding: {} }],
  ])('is refused when it is opened, with %s in score.json', async (_, net, told) => {
    await expect(openScoreNet(folderOf(net, told))).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
  });

  it('is missed by name', async () => {
    await expect(openScoreNet(join(place, 'not-there'))).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
    await expect(openScoreNet(folderOf(means, { net: 'other.onnx', image }))).rejects.toMatchObject({
      code: 'WEIGHTS_NOT_FOUND',
    });
  });
});
