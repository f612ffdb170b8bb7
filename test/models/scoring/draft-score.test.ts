import { expect, it } from 'vitest';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import type { Embedder, ModelPrompt, RgbImage } from '../../../src/models/ports.js';
import { draftScore } from '../../../src/models/scoring/draft-score.js';
import { drawFrame, sprite, videoOf } from '../../evaluation/synthetic-world.js';

const pose = (x: number, size: number) => ({ x, y: 15, size, angle: 0 });
const white = [255, 255, 255] as const;
const blue = [60, 90, 200] as const;

const reference = (k: number): RgbImage => {
  const { width, height, data } = videoOf([drawFrame([{ sprite: sprite(k), pose: pose(16, 28) }], white)]);
  return { width, height, data };
};
const moving = (k: number) =>
  videoOf([8, 12, 16, 20].map((x) => drawFrame([{ sprite: sprite(k), pose: pose(x, 15) }], blue)));
const prompt = (parts: ModelPrompt['parts']) => ({ parts });
const embedder = createEmbedder();

it('the draft that shows the subject of the image has the higher score, wherever it stands and on whatever background', async () => {
  for (const k of [0, 3, 7]) {
    const asked = prompt([{ text: 'it moves right' }, { pixels: reference(k), role: 'reference' }]);
    const right = await draftScore(moving(k), asked, embedder);
    expect(right).toBeGreaterThan(0.8);
    for (const other of [1, 4, 8]) expect(await draftScore(moving(other), asked, embedder)).toBeLessThan(right!);
  }
});

it('compares nothing where the prompt has no image and the encoder does not compare texts with images', async () => {
  expect(await draftScore(moving(1), prompt([{ text: 'it moves' }]), embedder)).toBeUndefined();
  const first = prompt([{ text: 'it moves' }, { pixels: reference(1), role: 'first-frame' }]);
  expect(await draftScore(moving(1), first, embedder)).toBeUndefined();
});

it('an encoder of both compares the words, too', async () => {
  const joint: Embedder = {
    ...{ name: 'joint', dimensions: { text: 2, image: 2 }, joint: true },
    text: (text) => (text.includes('blue') ? [1, 0] : [0, 1]),
    image: ({ data }) => (data[2]! > data[0]! ? [1, 0] : [0, 1]),
  };
  expect(await draftScore(moving(1), prompt([{ text: 'on a blue background' }]), joint)).toBe(1);
  expect(await draftScore(moving(1), prompt([{ text: 'on a red background' }]), joint)).toBe(0);
});
