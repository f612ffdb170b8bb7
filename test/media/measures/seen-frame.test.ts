import { describe, expect, it } from 'vitest';
import { colourDifference, greyAt, type SeenFrame, seeFrames } from '../../../src/media/measures/seen-frame.js';

async function seen(...frames: Uint8Array[]): Promise<SeenFrame[]> {
  const given = (async function* () {
    yield* frames;
  })();
  const all: SeenFrame[] = [];
  for await (const one of seeFrames(given, { width: 2, height: 2 })) all.push(one);
  return all;
}
const black = new Uint8Array(12);
const white = new Uint8Array(12).fill(255);
const red = Uint8Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? 255 : 0));
const half = Uint8Array.from({ length: 12 }, (_, i) => (i < 6 ? 255 : 0));

describe('what is seen of frames', () => {
  it('how they change from one to the next: means between 0 and 1', async () => {
    const changes = (await seen(black, white, red, new Uint8Array(red))).map(({ change }) => change);
    expect(changes[0]).toEqual({ colour: 0, grey: 0 });
    expect(changes[1]).toEqual({ colour: 1, grey: 1 });
    expect(changes[2]!.colour).toBeCloseTo(2 / 3);
    expect(changes[2]!.grey).toBeCloseTo(1 - 0.299, 4);
    expect(changes[3]).toEqual({ colour: 0, grey: 0 });
  });

  it('their grey, and how much there is to see in it', async () => {
    const [dark, bright, both] = await seen(black, white, half);
    expect([dark, bright, both].map((one) => one!.brightness)).toEqual([0, 1, 0.5]);
    expect([black, white, red].map((data) => greyAt(data, 3))).toEqual([0, 65280, (19595 * 255) >> 8]);
    expect([dark!.contrast, bright!.contrast, both!.contrast]).toEqual([0, 0, 0.5]);
  });

  it('one that is shown again did not change, whatever it changed before', async () => {
    const [, , again] = await seen(black, white, white);
    expect(again!.change).toEqual({ colour: 0, grey: 0 });
    expect(again!.brightness).toBe(1);
  });

  it('how two of them differ that do not follow each other', async () => {
    const [a, , c] = await seen(black, white, red);
    expect(colourDifference(a!, c!)).toBeCloseTo(1 / 3);
  });
});
