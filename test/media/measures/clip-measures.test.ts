import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { measureClip, stillScores } from '../../../src/media/measures/clip-measures.js';
import { barsOf } from '../../../src/media/measures/letterbox.js';
import { seeFrame } from '../../../src/media/measures/seen-frame.js';

const size = { width: 40, height: 30 };
/** Each pixel by its place. */
const image = (grey: (x: number, y: number) => number, { width, height } = size) => {
  const data = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++) data.fill(grey(p % width, Math.floor(p / width)), 3 * p, 3 * p + 3);
  return { width, height, data };
};
const stripes = image((x) => (x % 2 ? 255 : 0));
const wide = image((x, y) => (y < 5 || y >= 25 ? 0 : 40 + 5 * x));
const black = image(() => 0);

describe('the measures of a still', () => {
  it('say how light it is, and how much there is to see: closed forms', () => {
    expect(stillScores(image(() => 51))).toMatchObject({ brightness: expect.closeTo(0.2, 9), contrast: 0 });
    expect(stillScores(stripes)).toEqual({
      ...{ brightness: expect.closeTo(0.5, 9), contrast: expect.closeTo(0.5, 9) },
      // Each pixel has two neighbours of the other colour: the Laplacian is 2 or -2.
      sharpness: expect.closeTo(4, 9),
      ...{ motion: 0, frozen: 0, black: 0, letterbox: 0 },
    });
  });

  it('say how sharp it is: nothing for flat, for a slope, and next to nothing for a blurred copy', async () => {
    const of = (one: typeof stripes) => stillScores(one).sharpness;
    expect(of(image(() => 90))).toBe(0);
    expect(of(image((x) => 3 * x))).toBeCloseTo(0, 9);
    const noise = image((x, y) => (x * 7919 + y * 104_729) % 251);
    const blurred = await sharp(noise.data, { raw: { ...size, channels: 3 } })
      .blur(2)
      .raw()
      .toBuffer();
    expect(of({ ...size, data: blurred })).toBeLessThan(of(noise) / 20);
    expect(of(image(() => 0, { width: 2, height: 9 }))).toBe(0);
  });

  it('find black bars, and only those that are at both sides', () => {
    const of = (one: typeof stripes) => stillScores(one).letterbox;
    expect(of(wide)).toBeCloseTo(1 / 3, 9);
    expect(of(image((x) => (x < 10 || x >= 30 ? 20 : 200)))).toBeCloseTo(1 / 2, 9);
    expect(of(image((_x, y) => (y < 15 ? 0 : 120)))).toBe(0);
    expect(of(image((_x, y) => (y < 5 || y >= 15 ? 0 : 120)))).toBe(0);
    expect(barsOf(black)).toEqual({ top: 30, bottom: 0, left: 40, right: 0 });
    expect(stillScores(black)).toMatchObject({ black: 1, letterbox: 0 });
  });
});

describe('the measures of a clip', () => {
  const measured = (fps: number, frames: (typeof stripes)[]) => {
    const all = measureClip(fps);
    let before: ReturnType<typeof seeFrame> | undefined;
    for (const frame of frames) {
      before = seeFrame(frame, before);
      all.see(before);
    }
    return all.found();
  };

  it('are means and shares of its frames; black frames show no bars', () => {
    const light = image((x, y) => (y < 5 || y >= 25 ? 0 : 60 + 5 * x));
    const found = measured(4, [black, black, black, wide, wide, light, wide, light]);
    const [one, other] = [stillScores(wide), stillScores(light)];
    const change = (a: typeof stripes, b: typeof stripes) => seeFrame(a, seeFrame(b)).change.grey;
    expect(found).toEqual({
      motion: expect.closeTo(((change(wide, black) + 3 * change(wide, light)) / 7) * 4, 9),
      // Every second frame: black, black, wide, wide.
      sharpness: expect.closeTo(one.sharpness / 2, 9),
      brightness: expect.closeTo((3 * one.brightness + 2 * other.brightness) / 8, 9),
      contrast: expect.closeTo((3 * one.contrast + 2 * other.contrast) / 8, 9),
      black: 3 / 8,
      // Two steps are half a second, one is not.
      frozen: 2 / 7,
      letterbox: expect.closeTo(1 / 3, 9),
      keyframe: 4,
    });
  });

  it('count stillness only where it lasts half a second, at any frame rate', () => {
    const steps = (fps: number, still: number) => [
      ...Array.from({ length: fps + 1 }, (_, n) => image(() => 100 + 10 * (n % 2))),
      ...Array<typeof stripes>(still).fill(image(() => 100)),
    ];
    for (const fps of [12, 24, 48]) {
      expect(measured(fps, steps(fps, fps)).frozen).toBe(0.5);
      expect(measured(fps, steps(fps, fps / 2 - 1)).frozen).toBe(0);
    }
  });
});
