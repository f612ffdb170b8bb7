import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { paint, painted } from '../../../../src/models/networks/extensions/paint.js';
import { Declaration, startValues, weightTensors } from '../../../../src/models/networks/parameters.js';
import { presetNamed } from '../../../../src/models/presets/presets.js';
import { withPaint } from '../../../../src/models/sampling/painted-images.js';

const side = 8;
/** A red square with white in it, on white. */
const image = Float32Array.from({ length: side * side * 3 }, (_, i) => {
  const [x, y, c] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side), i % 3];
  const isInside = x >= 2 && x < 6 && y >= 2 && y < 6;
  return isInside && !(x === 4 && y === 4) && c > 0 ? -0.6 : 1;
});
/** Red goes to blue, half as strong, and everything becomes a little greener. */
const change = Float32Array.from([-1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0.1, 0]);

it('is silent before anything was learned', () => {
  const preset = presetNamed('nano');
  const C = preset.width;
  const declare = Declaration.root();
  const ask = paint(declare, preset);
  const w = weightTensors(declare.specs, startValues(declare.specs, 3));
  const words = { tokens: tf.randomNormal([2, 5, C]), bias: tf.zeros([2, 1, 1, 5]) };
  const meaning = tf.randomNormal([2, 3, C]);
  const told = ask(w, words, { meaning, pixels: tf.zeros([1]), present: tf.ones([2, 3]) });
  expect(told.shape).toEqual([2, 3, 4, 3]);
  expect(told.abs().max().dataSync()[0]).toBe(0);
});

it('changes the subject, in whole and half resolution, and nothing beyond it', () => {
  const seen = (matte: number) => [0.8, -0.6, -0.2, matte, 0.4, 0, -1, matte];
  const pixels = tf.tensor([...seen(1), ...seen(0)], [1, 2, 8]);
  const values = [...painted(pixels, tf.tensor(change, [1, 4, 3])).dataSync()];
  const expected = [0, -0.5, 0.2, 1, 0, 0.1, -0.8, 1];
  for (const [i, v] of [...expected, ...seen(0)].entries()) expect(values[i], String(i)).toBeCloseTo(v, 5);
});

it('paints what the upsampler is shown as the network paints what it lays', () => {
  const paints = [new Float32Array(12), change];
  const items = withPaint([{ word: 'a' }, { image, role: 'reference' }, { image, role: 'subject' }], paints);
  expect(items[1]).toEqual({ image, role: 'reference' });
  const { image: changed } = items[2] as { image: Float32Array };
  const isSubject = (i: number) => image[3 * i + 1]! < 0 || i === 4 * side + 4;
  const views = Float32Array.from({ length: side * side * 8 }, (_, i) => {
    const [pixel, c] = [i >> 3, i & 3];
    return c === 3 ? Number(isSubject(pixel)) : image[3 * pixel + c]!;
  });
  const laid = painted(tf.tensor(views, [1, side * side, 8]), tf.tensor(change, [1, 4, 3])).dataSync();
  for (let i = 0; i < changed.length; i++)
    expect(changed[i], String(i)).toBeCloseTo(Math.max(-1, Math.min(1, laid[Math.floor(i / 3) * 8 + (i % 3)]!)), 5);
  expect(changed).not.toEqual(image);
});
