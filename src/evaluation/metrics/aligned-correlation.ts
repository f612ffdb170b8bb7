import type { Found } from './find-subject.js';
import { type WorldFrame, worldSide } from './world-frames.js';

/** Half the side of the window that is compared, in units of the subject's size. */
const windowReach = 0.9;

export interface AlignedPair {
  a: WorldFrame;
  b: WorldFrame;
  background: WorldFrame;
  /** Where the subject is in a, and in b. */
  from: Pick<Found, 'x' | 'y' | 'size'>;
  to: Pick<Found, 'x' | 'y' | 'size'>;
  /** Radians by which b is turned clockwise against a. */
  angle: number;
}

/**
 * Correlation, -1 to 1, of the subject in two frames with the background taken away, after a was moved, scaled and turned onto
 * b. Best of the nine half-unit shifts about the place where the centres of mass meet.
 */
export function alignedCorrelation({ a, b, background, from, to, angle }: AlignedPair): number {
  const scale = from.size / Math.max(1e-6, to.size);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const half = Math.max(2, windowReach * to.size);
  let best = -1;
  for (const sy of [-0.5, 0, 0.5])
    for (const sx of [-0.5, 0, 0.5]) {
      let [product, aa, bb] = [0, 0, 0];
      for (let row = Math.max(0, Math.floor(to.y - half)); row < Math.min(worldSide, to.y + half); row++)
        for (let column = Math.max(0, Math.floor(to.x - half)); column < Math.min(worldSide, to.x + half); column++) {
          const dx = (column + 0.5 - to.x + sx) * scale;
          const dy = (row + 0.5 - to.y + sy) * scale;
          const u = from.x + cos * dx + sin * dy - 0.5;
          const v = from.y + cos * dy - sin * dx - 0.5;
          const at = (row * worldSide + column) * 3;
          for (let c = 0; c < 3; c++) {
            const p = standing(a, background, u, v, c);
            const q = b[at + c]! - background[at + c]!;
            product += p * q;
            aa += p * p;
            bb += q * q;
          }
        }
      best = Math.max(best, product / Math.sqrt(Math.max(1e-9, aa * bb)));
    }
  return best;
}

/** What stands off from the background at (u, v), bilinear; 0 outside of the frame. */
function standing(frame: WorldFrame, background: WorldFrame, u: number, v: number, c: number): number {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  let sum = 0;
  for (let j = 0; j < 2; j++)
    for (let i = 0; i < 2; i++) {
      if (x + i < 0 || x + i >= worldSide || y + j < 0 || y + j >= worldSide) continue;
      const at = ((y + j) * worldSide + x + i) * 3 + c;
      sum += (i ? u - x : 1 - u + x) * (j ? v - y : 1 - v + y) * (frame[at]! - background[at]!);
    }
  return sum;
}
