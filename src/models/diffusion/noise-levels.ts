/**
 * Noise levels seen in training: ln sigma ~ N(mean, std^2) (EDM Table 1; defaults -1.2 and 1.2). `normal` gives
 * standard normal numbers.
 */
export function drawNoiseLevel(normal: () => number, { mean = -1.2, std = 1.2 } = {}): number {
  return Math.exp(mean + std * normal());
}
