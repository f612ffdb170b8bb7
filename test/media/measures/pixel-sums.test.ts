import { expect, it } from 'vitest';
import { type PixelSums, pixelSums } from '../../../src/media/measures/pixel-sums.js';

/** The same in plain words. */
function summed(one: Uint8Array, other: Uint8Array): PixelSums {
  const grey = (data: Uint8Array, at: number) =>
    (19595 * data[at]! + 38470 * data[at + 1]! + 7471 * data[at + 2]!) >> 8;
  const sums = { greys: 0, squares: 0, colours: 0, changes: 0 };
  for (let at = 0; at < one.length; at += 3) {
    const level = grey(one, at);
    sums.greys += level;
    sums.squares += level * level;
    for (let channel = at; channel < at + 3; channel++) sums.colours += Math.abs(one[channel]! - other[channel]!);
    sums.changes += Math.abs(level - grey(other, at));
  }
  return sums;
}

function noise(bytes: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

it.each([1, 2, 3, 4, 5, 7, 16, 4095, 16_383, 16_384, 16_385, 16_389, 512 * 288, 511 * 287, 1024 * 1024])(
  'frames of %i pixels have the sums that a loop finds, to the last bit',
  (pixels) => {
    const [one, other] = [noise(3 * pixels, 1), noise(3 * pixels, pixels)];
    // What was there before counts for nothing.
    pixelSums(noise(60_000, 9), noise(60_000, 10));
    expect(pixelSums(one, other)).toEqual(summed(one, other));
  },
);

it('white after black is the most there can be', () => {
  const [white, black] = [new Uint8Array(3 << 20).fill(255), new Uint8Array(3 << 20)];
  const pixels = 1 << 20;
  const most = { greys: 65280 * pixels, squares: 65280 ** 2 * pixels, colours: 765 * pixels, changes: 65280 * pixels };
  expect(pixelSums(white, black)).toEqual(most);
  expect(pixelSums(black, white)).toEqual({ ...most, greys: 0, squares: 0 });
});

it('frames that lie within other memory are read where they lie', () => {
  const memory = noise(3000, 5);
  const [one, other] = [memory.subarray(7, 307), memory.subarray(1001, 1301)];
  expect(pixelSums(one, other)).toEqual(summed(one, other));
});
