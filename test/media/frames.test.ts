import { describe, expect, it } from 'vitest';
import { fitWithin, frameDifference, layOnWhite, rateOf, rateText, sceneScore } from '../../src/media/frames.js';

describe('frames', () => {
  it('differ by means between 0 and 1', () => {
    const black = new Uint8Array(12);
    const white = new Uint8Array(12).fill(255);
    expect(frameDifference(black, black)).toEqual({ colour: 0, grey: 0 });
    expect(frameDifference(black, white)).toEqual({ colour: 1, grey: 1 });
    const red = Uint8Array.from([255, 0, 0]);
    const { colour, grey } = frameDifference(red, new Uint8Array(3));
    expect(colour).toBeCloseTo(1 / 3);
    expect(grey).toBeCloseTo(0.299);
  });

  it('a sudden change is a scene, a steady one is not', () => {
    expect(sceneScore(0.5, 0)).toBe(1);
    expect(sceneScore(0.2, 0)).toBeCloseTo(0.51);
    expect(sceneScore(0.2, 0.2)).toBe(0);
    expect(sceneScore(0, 0.2)).toBe(0);
  });

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
