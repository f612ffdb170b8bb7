import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { wordsBeside } from '../../../../src/models/networks/extensions/words-beside.js';
import { Declaration, startValues, weightTensors } from '../../../../src/models/networks/parameters.js';

const [C, D, W] = [4, 25, 8];
const heads = 8;
const declare = Declaration.root();
const beside = wordsBeside(declare, { C, D });
const start = startValues(declare.specs, 5);
/** One number a word: the first says 1, the next 2. */
const words = tf.tensor(
  Float32Array.from({ length: W * C }, (_, i) => (i % C === 0 ? Math.floor(i / C) + 1 : 0)),
  [1, W, C],
);
/** Two images: one before the first word, one behind the fourth, which counts as a place of its own. */
const places = [-1, 3.5];
const distance = tf.tensor(
  places.flatMap((place) =>
    Array.from({ length: W }, (_, word) => Math.sign(word - place) * Math.ceil(Math.abs(word - place))).flatMap((far) =>
      Array.from({ length: D }, (_, d) => Number(d - 12 === far)),
    ),
  ),
  [1, places.length, W, D],
);
/** What each image reads by a head. */
const readBy = (head: number, present = tf.ones([1, W])) => {
  const out = new Float32Array(heads * C * C);
  for (let c = 0; c < C; c++) out[(head * C + c) * C + c] = 1;
  const w = weightTensors(declare.specs, new Map([...start, ['out.matrix', out]]));
  const read = beside(w, words, present, distance);
  expect(read.shape).toEqual([1, places.length, C]);
  return [0, 1].map((k) => read.dataSync()[k * C]!);
};

it('is silent before anything was learned', () => {
  const read = beside(weightTensors(declare.specs, start), words, tf.ones([1, W]), distance);
  expect(read.abs().max().dataSync()[0]).toBe(0);
});

it('begins with a head for each of the six words behind an image and the two before it', () => {
  for (const [head, [first, second]] of [
    [1, 5],
    [2, 6],
    [3, 7],
    [4, 8],
  ].entries()) {
    const [one, two] = readBy(head);
    expect(Math.abs(one! - first!), `head ${head}`).toBeLessThan(0.5);
    expect(Math.abs(two! - second!), `head ${head}`).toBeLessThan(0.5);
  }
  expect(Math.abs(readBy(6)[1]! - 4)).toBeLessThan(0.5);
  expect(Math.abs(readBy(7)[1]! - 3)).toBeLessThan(0.5);
});

it('reads next to nothing where no word stands, and never a word that is not there', () => {
  expect(readBy(6)[0]).toBeLessThan(1.5);
  const present = tf.tensor([1, 0, 1, 1, 1, 1, 1, 1], [1, W]);
  const without = readBy(1, present)[0]!;
  expect(without).toBeLessThan(1.5);
  const other = words.add(
    tf.tensor(
      Float32Array.from({ length: W * C }, (_, i) => (i === C ? 100 : 0)),
      [1, W, C],
    ),
  );
  const w = weightTensors(declare.specs, new Map([...start, ['out.matrix', new Float32Array(heads * C * C).fill(1)]]));
  const read = (said: tf.Tensor) => [...beside(w, said, present, distance).dataSync()];
  expect(read(other)).toEqual(read(words));
});
