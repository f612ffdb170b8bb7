import { describe, expect, it } from 'vitest';
import { motionPath } from '../../../../src/models/encoders/built-in/motion-path.js';

const [side, frames] = [32, 16];

/** A square of 8 pixels whose middle is at `at`, before what `behind` paints. */
function clip(at: (t: number) => [number, number] | null, behind: (x: number, y: number) => number) {
  const data = new Uint8Array(frames * side * side * 3);
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const middle = at(t);
        const inside = middle && Math.abs(x + 0.5 - middle[0]) < 4 && Math.abs(y + 0.5 - middle[1]) < 4;
        data.fill(inside ? 220 : behind(x, y), ((t * side + y) * side + x) * 3, ((t * side + y) * side + x) * 3 + 3);
      }
  return { data, frames, width: side, height: side };
}
const plain = () => 40;
const stripes = (x: number, y: number) => 30 + ((x * 7 + y * 13) % 90);
const right = (t: number): [number, number] => [5 + 1.4 * t, 20];

describe('the path of what moves in a clip', () => {
  it.each([
    ['a plain colour', plain],
    ['a picture', stripes],
  ])('is where it is, before %s', (_, behind) => {
    const path = motionPath(clip(right, behind), 8)!;
    for (let point = 0; point < 8; point++) {
      expect(path[2 * point]! * side).toBeCloseTo(right(2 * point)[0], -0.3);
      expect(path[2 * point + 1]! * side).toBeCloseTo(20, -0.3);
    }
  });

  it('is told also of what is at two places by turns, so that neither is the background', () => {
    const path = motionPath(
      clip((t) => [t % 4 < 2 ? 8 : 24, 16], plain),
      8,
    )!;
    expect([...path].filter((_, i) => i % 2 === 0).map((x) => Math.round(x * side))).toEqual([
      8, 24, 8, 24, 8, 24, 8, 24,
    ]);
  });

  it('stays where it was while nothing is seen, and is none where nothing ever is', () => {
    const path = motionPath(
      clip((t) => (t < 4 || t >= 8 ? null : [10, 10]), plain),
      8,
    )!;
    expect([...path].map((v) => Math.round(v * side))).toEqual(Array(16).fill(10));
    expect(
      motionPath(
        clip(() => null, stripes),
        8,
      ),
    ).toBeNull();
  });
});
