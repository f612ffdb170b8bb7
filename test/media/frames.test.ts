import { describe, expect, it } from 'vitest';
import { fitWithin, layOnWhite, rateOf, rateText } from '../../src/media/frames.js';

describe('frames', () => {
  it('lie on white where they are transparent', () => {
    const rgba = Uint8Array.from([10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128]);
    expect([...layOnWhite(rgba)]).toEqual([10, 20, 30, 255, 255, 255, 127, 127, 127]);
  });

  it('shrink to fit and never grow', () => {
    expect(fitWithin(1000, 500, 512)).toEqual({ width: 512, height: 256 });
    expect(fitWithin(33, 21, 512)).toEqual({ width: 33, height: 21 });
    expect(fitWithin(10_000, 1, 512)).toEqual({ width: 512, height: 1 });
  });

  it('have rates that ffmpeg reads exactly', () => {
    expect([25, 30000 / 1001, 24000 / 1001, 7.5, 1000 / 42].map(rateText)).toEqual([
      '25',
      '30000/1001',
      '24000/1001',
      '7500/1000',
      '23810/1000',
    ]);
    expect(rateOf(29.97)).toBe(30000 / 1001);
    expect(rateOf(7.5)).toBe(7.5);
  });
});
