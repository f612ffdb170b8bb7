import { alignedCorrelation } from './aligned-correlation.js';
import { findSubject } from './find-subject.js';
import type { WorldFrame } from './world-frames.js';

/**
 * Whether the subject keeps its appearance: mean correlation of its crops in frames t and t + `lag`, moved and scaled onto each
 * other; turned by `turn` radians a frame where the motion turns it. -1 to 1; a pair in which it is missing counts 0.
 */
export function appearanceKept(
  frames: readonly WorldFrame[],
  background: WorldFrame,
  { lag = 1, turn = 0 }: { lag?: number; turn?: number } = {},
): number {
  const path = frames.map((frame) => findSubject(frame, background));
  let [sum, pairs] = [0, 0];
  for (let t = 0; t + lag < frames.length; t++) {
    const [from, to] = [path[t], path[t + lag]];
    pairs++;
    if (from && to)
      sum += alignedCorrelation({ a: frames[t]!, b: frames[t + lag]!, background, from, to, angle: turn * lag });
  }
  return pairs === 0 ? 0 : sum / pairs;
}
