import { describe, expect, it } from 'vitest';
import { seeFrames } from '../../src/media/measures/seen-frame.js';
import { findScenes } from '../../src/media/scenes.js';

const size = { width: 16, height: 12 };

/** A frame of one scene: bands that have moved so far. */
function bands(scene: number, at: number, { from = 20, to = 230 } = {}): Uint8Array {
  return Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => {
    const [x, channel] = [Math.floor(i / 3) % size.width, i % 3];
    const wave = Math.sin((x + at) * (0.3 + 0.25 * ((scene * 5) % 4)) + scene * 2 + channel * (scene + 1));
    return Math.round(from + ((to - from) * (1 + wave)) / 2);
  });
}

async function cutsOf(frames: Uint8Array[], { threshold = 0.05, flashFrames = 5 } = {}): Promise<number[]> {
  const given = (async function* () {
    yield* frames;
  })();
  const cuts: number[] = [];
  let n = 0;
  for await (const { isCut, seen } of findScenes(seeFrames(given, size), { threshold, flashFrames, around: 5 })) {
    expect(seen.image.data).toBe(frames[n]);
    if (isCut) cuts.push(n);
    n++;
  }
  expect(n).toBe(frames.length);
  return cuts;
}

const scene = (n: number, frames: number, step = 0.05, options = {}) =>
  Array.from({ length: frames }, (_, at) => bands(n, at * step, options));

describe('scenes are cut', () => {
  it('where they change, at the first and last moments of a film too', async () => {
    expect(await cutsOf([...scene(0, 20), ...scene(1, 15), ...scene(2, 25)])).toEqual([20, 35]);
    expect(await cutsOf([...scene(0, 2), ...scene(1, 30), ...scene(2, 2)], { flashFrames: 0 })).toEqual([2, 32]);
    expect(await cutsOf([...scene(0, 1), ...scene(1, 1)])).toEqual([1]);
  });

  it('in the dark, where little changes, and in fast motion, where much does', async () => {
    const dark = { from: 2, to: 26 };
    expect(await cutsOf([...scene(0, 20, 0.05, dark), ...scene(1, 20, 0.05, dark)])).toEqual([20]);
    expect(await cutsOf([...scene(0, 20, 0.5), ...scene(3, 20, 0.5)])).toEqual([20]);
  });

  it('not by what is as usual there: a pan and its beginning, jerks, flicker, a dissolve', async () => {
    const rest = Array.from({ length: 20 }, () => bands(0, 19 * 0.7));
    expect(await cutsOf([...scene(0, 20, 0), ...scene(0, 20, 0.7), ...rest])).toEqual([]);
    expect(await cutsOf(Array.from({ length: 60 }, (_, n) => bands(0, Math.floor(n / 3))))).toEqual([]);
    expect(await cutsOf(Array.from({ length: 60 }, (_, n) => bands(n % 4 < 2 ? 0 : 1, 0)))).toEqual([]);
    const [a, b] = [bands(0, 0), bands(1, 0)];
    const between = Array.from({ length: 20 }, (_, n) => a.map((value, i) => value + ((b[i]! - value) * n) / 19));
    expect(await cutsOf([...scene(0, 20, 0), ...between, ...scene(1, 20, 0)])).toEqual([]);
  });

  it('not by a flash, however bright, unless it lasts', async () => {
    const white = (frames: number) =>
      Array.from({ length: frames }, () => new Uint8Array(bands(0, 0).length).fill(255));
    expect(await cutsOf([...scene(0, 20), ...white(3), ...scene(0, 20)])).toEqual([]);
    expect(await cutsOf([...scene(0, 20), ...white(8), ...scene(0, 20)])).toEqual([20, 28]);
    expect(await cutsOf([...scene(0, 20), ...white(3), ...scene(1, 20)])).toEqual([20, 23]);
  });

  it('not at all where nothing is a cut', async () => {
    expect(await cutsOf([...scene(0, 20), ...scene(1, 20)], { threshold: Number.POSITIVE_INFINITY })).toEqual([]);
  });
});
