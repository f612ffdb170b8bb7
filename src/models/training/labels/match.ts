/** Where an image's middle lies in a frame that is 1 wide and 1 high, how large it is beside it, how far turned clockwise. */
import type { Moments } from './moments.js';
export interface Pose {
  x: number;
  y: number;
  size: number;
  /** Radians. */
  turn: number;
}

/** An image with its subject's matte, at full, half and quarter size: [n, n, 4], colours times matte. */
export type CutOut = readonly { n: number; pixels: Float32Array }[];

/** RGB from -1 to 1 and matte, [side, side, 3] and [side, side]. */
export function cutOut(image: Float32Array, matte: Float32Array, side: number): CutOut {
  const whole = new Float32Array(side * side * 4);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) whole[4 * i + c] = image[3 * i + c]! * matte[i]!;
    whole[4 * i + 3] = matte[i]!;
  }
  const levels: CutOut[number][] = [{ n: side, pixels: whole }];
  while (levels.length < 3 && levels.at(-1)!.n % 2 === 0) levels.push(halved(levels.at(-1)!));
  return levels;
}

function halved({ n, pixels }: CutOut[number]): CutOut[number] {
  const out = new Float32Array((n / 2) ** 2 * 4);
  for (let i = 0; i < pixels.length; i++) {
    const [x, y] = [(i >> 2) % n, Math.floor((i >> 2) / n)];
    out[((y >> 1) * (n / 2) + (x >> 1)) * 4 + (i & 3)]! += pixels[i]! / 4;
  }
  return { n: n / 2, pixels: out };
}

/** A frame, what is behind its subject, and the pixels in which the subject is looked for. RGB from -1 to 1, [side, side, 3]. */
export interface Scene {
  side: number;
  frame: Float32Array;
  behind: Float32Array;
  pixels: readonly number[];
}

/** How far a turn must be better than none to be believed: round subjects look alike from everywhere. */
const clearly = 0.75;
const turns = 12;

/**
 * The pose in which a cut-out explains a frame best, by search: turns first, with the middle and the size that the moments
 * of the subject, in the image and in the frame, say; then place, size and turn by ever smaller steps. `left` is the
 * squared error that it leaves, of what the background alone leaves.
 */
export function matchPose(cut: CutOut, scene: Scene, shown: Moments, there: Moments): { pose: Pose; left: number } {
  const size = there.spread / shown.spread;
  const turned = (turn: number): Pose => {
    const [dx, dy] = [shown.x - 0.5, shown.y - 0.5];
    const [cos, sin] = [Math.cos(turn) * size, Math.sin(turn) * size];
    return { x: there.x - (dx * cos - dy * sin), y: there.y - (dx * sin + dy * cos), size, turn };
  };
  const judged = (pose: Pose) => ({ pose, error: errorOf(cut, scene, pose) });
  const upright = judged(turned(0));
  let best = upright;
  for (let n = 1; n < turns; n++) {
    const one = judged(turned((2 * Math.PI * n) / turns));
    if (one.error < clearly * upright.error && one.error < best.error) best = one;
  }
  const turning = best !== upright;
  for (let step = 1; step > 0.2; step /= 2)
    for (let better = true, rounds = 0; better && rounds < 6; rounds++) {
      better = false;
      for (const sign of [step, -step])
        for (const pose of [
          { ...best.pose, x: best.pose.x + sign / scene.side },
          { ...best.pose, y: best.pose.y + sign / scene.side },
          { ...best.pose, size: best.pose.size * Math.exp(sign / 12) },
          ...(turning ? [{ ...best.pose, turn: best.pose.turn + sign / 6 }] : []),
        ]) {
          const one = judged(pose);
          if (one.error < best.error) [best, better] = [one, true];
        }
    }
  return { pose: best.pose, left: best.error / backgroundError(scene) };
}

/** Squared error of the frame when the cut-out is laid over the background. */
function errorOf(cut: CutOut, { side, frame, behind, pixels }: Scene, { x, y, size, turn }: Pose): number {
  const { n, pixels: source } = cut.find(({ n }) => n <= 1.42 * size * side) ?? cut.at(-1)!;
  const [cos, sin] = [Math.cos(turn) / size, Math.sin(turn) / size];
  let sum = 0;
  for (const i of pixels) {
    const dx = ((i % side) + 0.5) / side - x;
    const dy = (Math.floor(i / side) + 0.5) / side - y;
    const u = (dx * cos + dy * sin + 0.5) * n - 0.5;
    const v = (dy * cos - dx * sin + 0.5) * n - 0.5;
    const [u0, v0] = [Math.floor(u), Math.floor(v)];
    const [fu, fv] = [u - u0, v - v0];
    let [r, g, b, a] = [0, 0, 0, 0];
    for (let k = 0; k < 4; k++) {
      const [uu, vv] = [u0 + (k & 1), v0 + (k >> 1)];
      if (uu < 0 || vv < 0 || uu >= n || vv >= n) continue;
      const weight = (k & 1 ? fu : 1 - fu) * (k >> 1 ? fv : 1 - fv);
      const at = 4 * (vv * n + uu);
      r += weight * source[at]!;
      g += weight * source[at + 1]!;
      b += weight * source[at + 2]!;
      a += weight * source[at + 3]!;
    }
    sum += (r + (1 - a) * behind[3 * i]! - frame[3 * i]!) ** 2;
    sum += (g + (1 - a) * behind[3 * i + 1]! - frame[3 * i + 1]!) ** 2;
    sum += (b + (1 - a) * behind[3 * i + 2]! - frame[3 * i + 2]!) ** 2;
  }
  return sum;
}

function backgroundError({ frame, behind, pixels }: Scene): number {
  let sum = 0;
  for (const i of pixels) for (let c = 0; c < 3; c++) sum += (behind[3 * i + c]! - frame[3 * i + c]!) ** 2;
  return Math.max(1e-6, sum);
}
