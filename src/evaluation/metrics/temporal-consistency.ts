import type { RgbVideo } from '../../models/ports.js';

/**
 * T-Cons of MSRVTT-Personalization, which needs no net (VBench calls it temporal flickering): 1 minus the mean absolute difference of neighbouring frames, as a
 * part of 255. A still video has 1. NaN for a single frame.
 */
export function temporalConsistency({ frames, data }: RgbVideo): number {
  if (frames < 2) return Number.NaN;
  const size = data.length / frames;
  let sum = 0;
  for (let i = size; i < data.length; i++) sum += Math.abs(data[i]! - data[i - size]!);
  return 1 - sum / ((frames - 1) * size) / 255;
}
