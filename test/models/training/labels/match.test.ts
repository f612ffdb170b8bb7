import { expect, test } from 'vitest';
import { cutOut, matchPose, type Pose } from '../../../../src/models/training/labels/match.js';
import { momentsOf } from '../../../../src/models/training/labels/moments.js';

const side = 32;

/** A figure without symmetry, given by a colour for each place of a square that is 1 wide and 1 high; null: see-through. */
function figure(x: number, y: number): [number, number, number] | null {
  if (x > 0.1 && x < 0.9 && y > 0.7 && y < 0.9) return [0.9, -0.8, -0.8];
  if (x > 0.1 && x < 0.3 && y > 0.1 && y < 0.9) return [-0.9, 0.8, -0.9];
  return null;
}

/** The mean of 16 places in each pixel. */
function drawn(colour: (x: number, y: number) => readonly number[]): Float32Array {
  const out = new Float32Array(side * side * 3);
  for (let i = 0; i < side * side; i++)
    for (let k = 0; k < 16; k++)
      for (let c = 0; c < 3; c++)
        out[3 * i + c]! +=
          colour(((i % side) + ((k % 4) + 0.5) / 4) / side, (Math.floor(i / side) + ((k >> 2) + 0.5) / 4) / side)[c]! /
          16;
  return out;
}

const background = [-0.2, -0.1, 0.7];
const white = [1, 1, 1];
const image = drawn((x, y) => figure(x, y) ?? white);
const matte = drawn((x, y) => (figure(x, y) ? white : [0, 0, 0])).filter((_, i) => i % 3 === 0);
const behind = drawn(() => background);

function frameOf({ x, y, size, turn }: Pose) {
  const [cos, sin] = [Math.cos(turn) / size, Math.sin(turn) / size];
  return drawn((u, v) => {
    const [dx, dy] = [u - x, v - y];
    return figure(dx * cos + dy * sin + 0.5, dy * cos - dx * sin + 0.5) ?? background;
  });
}

const found = (frame: Float32Array) => {
  const differs = (i: number) => [0, 1, 2].some((c) => Math.abs(frame[3 * i + c]! - behind[3 * i + c]!) > 0.3);
  const scene = { side, frame, behind, pixels: [...Array(side * side).keys()] };
  const shown = momentsOf(side, (i) => matte[i]! > 0.5)!;
  return matchPose(cutOut(image, matte, side), scene, shown, momentsOf(side, differs)!);
};

test.each<Pose>([
  { x: 0.5, y: 0.5, size: 0.5, turn: 0 },
  { x: 0.31, y: 0.62, size: 0.6, turn: 0 },
  { x: 0.6, y: 0.4, size: 0.3, turn: 0 },
  { x: 0.55, y: 0.45, size: 0.5, turn: Math.PI / 4 },
  { x: 0.5, y: 0.5, size: 0.55, turn: Math.PI },
  { x: 0.45, y: 0.52, size: 0.5, turn: (5 * Math.PI) / 4 },
])('an image at $x, $y, of size $size, turned by $turn is found there', (wanted) => {
  const { pose, left } = found(frameOf(wanted));
  expect(left).toBeLessThan(0.2);
  expect(Math.abs(pose.x - wanted.x)).toBeLessThan(0.5 / side);
  expect(Math.abs(pose.y - wanted.y)).toBeLessThan(0.5 / side);
  expect(Math.abs(pose.size / wanted.size - 1)).toBeLessThan(0.08);
  expect(Math.cos(pose.turn - wanted.turn)).toBeGreaterThan(0.99);
});

test('another image leaves most of what is seen unexplained', () => {
  const other = drawn((x, y) => (Math.hypot(x - 0.5, y - 0.5) < 0.2 ? [1, 1, -1] : background));
  expect(found(other).left).toBeGreaterThan(0.5);
});
