import { expect, it } from 'vitest';
import { frameBuffer, PassingFrames, reuse } from '../../src/media/frame-buffers.js';
import { seeFrames } from '../../src/media/measures/seen-frame.js';
import { findScenes, framesInView } from '../../src/media/scenes.js';

const size = { width: 8, height: 6 };
const bytes = 3 * size.width * size.height;

/** Frames of a film with cuts, flashes, stills and jerks, drawn from a seed. */
function film(seed: number, length: number): number[][] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const looks = Array.from({ length: 4 }, () => Array.from({ length: bytes }, () => Math.floor(random() * 256)));
  let look = looks[0]!;
  return Array.from({ length }, () => {
    if (random() < 0.15) look = looks[Math.floor(random() * looks.length)]!;
    return look.map((value) => Math.min(255, value + Math.floor(random() * 4)));
  });
}

async function* drawn(frames: number[][], take: () => Uint8Array) {
  for (const frame of frames) {
    const buffer = take();
    buffer.set(frame);
    yield buffer;
    // A frame that is shown for longer.
    if (frame[0]! % 7 === 0) yield buffer;
  }
}

it('what is found in frames whose buffers are used again is what is found in frames of their own', async () => {
  for (const [seed, flashFrames, around] of [
    [1, 0, 2],
    [2, 5, 2],
    [3, 12, 5],
    [4, 30, 5],
  ] as const) {
    const view = { flashFrames, around };
    const found = async (passing?: PassingFrames) => {
      const plain = drawn(film(seed, 200), () => passing?.take(bytes) ?? new Uint8Array(bytes));
      const all: unknown[] = [];
      for await (const { seen, isCut } of findScenes(seeFrames(passing?.all(plain) ?? plain, size), {
        threshold: 0.05,
        ...view,
      }))
        all.push([isCut, seen.brightness, seen.change, [...seen.image.data]]);
      passing?.close();
      return all;
    };
    const own = await found();
    expect(own.some((one) => (one as [boolean])[0])).toBe(true);
    expect(await found(new PassingFrames(framesInView(view)))).toEqual(own);
  }
});

it('a buffer is given to one at a time, and only for frames of its size', () => {
  const [one, other] = [frameBuffer(100), frameBuffer(100)];
  expect(one).not.toBe(other);
  reuse(one);
  expect(frameBuffer(200)).toHaveLength(200);
  expect(frameBuffer(100)).toBe(one);
  expect(frameBuffer(100)).not.toBe(one);
});

it('what is kept for the next film is limited', () => {
  const buffers = Array.from({ length: 7 }, () => frameBuffer(40 << 20));
  for (const one of buffers) reuse(one);
  const again = Array.from({ length: 7 }, () => frameBuffer(40 << 20));
  expect(again.filter((one) => buffers.includes(one))).toHaveLength(5);
});
