import { expect, test } from 'vitest';
import { colourDistances, likenesses, meanColour, rankOf } from '../../../src/evaluation/metrics/appearance.js';
import { backgroundColour, plain } from '../../../src/evaluation/metrics/background.js';
import { appearanceKept } from '../../../src/evaluation/metrics/coherence.js';
import { Template } from '../../../src/evaluation/metrics/template.js';
import { backgrounds, codeOf, drawClip, drawFrame, posesOf, sprite } from '../synthetic-world.js';

const templates = Array.from({ length: 24 }, (_, k) => new Template(codeOf(k), sprite(k)));

test('the subject that is shown is the first of all candidates, wherever and however large it is', () => {
  for (const [k, motion, background] of [
    [0, 'left', backgrounds.white],
    [5, 'grow', backgrounds.black],
    [11, 'bounce', backgrounds.grey],
    [18, 'circle', backgrounds.white],
  ] as const) {
    const frames = drawClip(k, motion, background).slice(4, 7);
    const values = likenesses(frames, plain(backgroundColour(frames)), templates);
    expect(rankOf(k, values, 'high')).toBe(1);
    expect(values[k]).toBeGreaterThan(0.9);
  }
});

test('a faded subject keeps its likeness: contrast is not appearance', () => {
  const frame = drawFrame([{ sprite: sprite(3), pose: { x: 16, y: 15, size: 17, angle: 0 } }], backgrounds.white);
  const faded = frame.map((v) => 245 + (v - 245) * 0.6);
  const [full] = likenesses([frame], plain(backgrounds.white), [templates[3]!]);
  const [less] = likenesses([faded], plain(backgrounds.white), [templates[3]!]);
  expect(less).toBeCloseTo(full!, 1);
});

test('without a subject nothing is like anything, and everybody stands before it', () => {
  const empty = [plain(backgrounds.white)];
  const values = likenesses(empty, plain(backgrounds.white), templates);
  expect(values.every((value) => value === -1)).toBe(true);
  expect(rankOf(3, values, 'high')).toBe(templates.length);
  expect(rankOf(3, colourDistances(meanColour(empty, empty[0]!), templates), 'low')).toBe(templates.length);
});

test('ranks: the best is 1, ties go against one', () => {
  expect(rankOf(1, [3, 9, 5], 'high')).toBe(1);
  expect(rankOf(1, [3, 9, 5], 'low')).toBe(3);
  expect(rankOf(0, [4, 4, 1], 'high')).toBe(2);
  expect(rankOf(0, [Number.NaN, 1], 'high')).toBe(2);
});

test('the mean colour is that of the subject', () => {
  const flat = { width: 4, height: 4, pixels: Float32Array.from({ length: 64 }, (_, i) => [200, 30, 60, 1][i % 4]!) };
  const frame = drawFrame([{ sprite: flat, pose: { x: 16, y: 16, size: 16, angle: 0 } }], backgrounds.white);
  const colour = meanColour([frame], plain(backgrounds.white))!;
  for (const [c, value] of [200, 30, 60].entries()) expect(colour[c]).toBeCloseTo(value, 3);
});

test('an appearance is kept by a subject that only moves, and not by one that becomes another in each frame', () => {
  const moving = drawClip(4, 'right', backgrounds.white);
  expect(appearanceKept(moving, plain(backgrounds.white))).toBeGreaterThan(0.95);
  const spinning = drawClip(4, 'spin', backgrounds.white);
  expect(appearanceKept(spinning, plain(backgrounds.white), { turn: Math.PI / 4 })).toBeGreaterThan(0.9);
  expect(appearanceKept(spinning, plain(backgrounds.white))).toBeLessThan(0.8);
  const changing = posesOf('right', 8).map((pose, t) =>
    drawFrame([{ sprite: sprite(5 * t), pose }], backgrounds.white),
  );
  expect(appearanceKept(changing, plain(backgrounds.white))).toBeLessThan(0.85);
});
