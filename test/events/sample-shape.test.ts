import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeOf } from '../../src/events/sample-shape.js';

describe('the class of a shape', () => {
  it.each([
    [{ width: 1920, height: 1080, frames: 250 }, '16x9-1080p-128f'],
    [{ width: 1080, height: 1920, frames: 128 }, '9x16-1080p-128f'],
    [{ width: 854, height: 480, frames: 127 }, '16x9-480p-64f'],
    [{ width: 160, height: 120, frames: 24 }, '4x3-96p-16f'],
    [{ width: 2560, height: 1080, frames: 16 }, '21x9-1080p-16f'],
    [{ width: 64, height: 64, frames: 1 }, '1x1-64p-1f'],
    [{ width: 5, height: 4, frames: 0 }, '4x3-4p-1f'],
    [{ width: 9000, height: 100, frames: 3 }, '21x9-96p-2f'],
  ])('%j: %s', (clip, name) => expect(shapeOf(clip)).toBe(name));

  it('promises no more pixels and frames than there are, turns with the clip, and is a name for files', () => {
    const side = fc.integer({ min: 1, max: 8192 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 100_000 }), (width, height, frames) => {
        const name = shapeOf({ width, height, frames });
        const [, aspect, short, count] = /^(\d+x\d+)-(\d+)p-(\d+)f$/.exec(name)!;
        expect(Number(short)).toBeLessThanOrEqual(Math.min(width, height));
        expect(Number(count)).toBeLessThanOrEqual(frames);
        expect(Number(count) * 2).toBeGreaterThan(frames);
        const turned = shapeOf({ width: height, height: width, frames });
        expect(turned).toBe(name.replace(aspect!, aspect!.split('x').reverse().join('x')));
      }),
    );
  });
});
