import { describe, expect, test } from 'vitest';
import { backgroundColour, nearestColour, plain } from '../../../src/evaluation/metrics/background.js';
import { motionNames, motionOf, moveOf, pathOf, wayLength } from '../../../src/evaluation/metrics/motion.js';
import { movementNames, movementOf, movements } from '../../../src/evaluation/metrics/movement.js';
import { backgrounds, drawClip, paths, posesOf } from '../synthetic-world.js';

describe('motion', () => {
  test.each(motionNames)('%s is told from the frames alone', (motion) => {
    for (const [k, background, T] of [
      [0, backgrounds.white, 8],
      [7, backgrounds.black, 8],
      [3, backgrounds.grey, 16],
    ] as const) {
      const frames = drawClip(k, motion, background, T);
      expect(motionOf(frames, plain(backgroundColour(frames)))).toBe(motion);
    }
  });

  test('the path is where the subject was drawn', () => {
    const frames = drawClip(0, 'right', backgrounds.white);
    const path = pathOf(frames, plain(backgroundColour(frames)));
    const truth = posesOf('right', 8);
    const offset = path[0]!.x - truth[0]!.x;
    for (const [t, pose] of path.entries()) expect(pose!.x - truth[t]!.x).toBeCloseTo(offset, 0);
    expect(wayLength(path)).toBeCloseTo(14, 0);
  });

  test('an empty video moves like nothing, and a leap to and fro is no motion of the ten', () => {
    const empty = Array.from({ length: 8 }, () => plain([20, 20, 20]));
    expect(motionOf(empty, plain([20, 20, 20]))).toBe('other');
    const leaps = Array.from({ length: 8 }, (_, t) => ({ x: t % 2 ? 24 : 8, y: t % 3 ? 8 : 24, size: 16 }));
    expect(moveOf(leaps)).toBe('other');
    expect(moveOf(Array.from({ length: 8 }, () => ({ x: 8, y: 9, size: 12 })))).toBe('none');
  });

  test('exact paths are told at every length, with frames missing', () => {
    for (const motion of motionNames)
      for (const T of [8, 16, 24]) {
        if (motion === 'spin' || motion === 'still') continue;
        const path = Array.from({ length: T }, (_, t) => paths[motion]!(t, T));
        expect(moveOf(path), `${motion} of ${T}`).toBe(motion);
        expect(moveOf(path.map((pose, t) => (t % 5 === 2 ? null : pose))), `${motion} of ${T}, gaps`).toBe(motion);
      }
  });
});

test('movements that no training shows are told from each other and from the ten', () => {
  for (const name of movementNames)
    for (const T of [8, 16]) {
      // A path of the size that the world draws, with the shake of an eye that measures.
      const path = Array.from({ length: T }, (_, t) => {
        const { x, y } = movements[name]!(t, T);
        return { x: 16 + 8 * x + (t % 2) * 0.4, y: 16 + 8 * y - (t % 3) * 0.3, size: 13 };
      });
      expect(movementOf(path), `${name} of ${T}`).toBe(name);
    }
  for (const motion of motionNames.filter((name) => name !== 'spin' && name !== 'still'))
    expect(movementOf(posesOf(motion, 8)), motion).toBe(motion);
});

test('the background is the median of the borders, and the nearest name is its name', () => {
  const frames = drawClip(1, 'left', backgrounds.grey);
  const colour = backgroundColour(frames);
  for (const c of [0, 1, 2]) expect(colour[c]).toBeCloseTo(backgrounds.grey[c]!, 3);
  const named = new Map(Object.entries(backgrounds).map(([name, rgb]) => [name, rgb] as const));
  expect(nearestColour(colour, named)).toBe('grey');
  expect(nearestColour([235, 240, 250], named)).toBe('white');
});
