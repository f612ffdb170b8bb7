/**
 * Dynamic thresholding (Imagen, arXiv 2205.11487, Sec. 2.3), in place: guidance pushes D out of [-1, 1]; if the given
 * quantile of |D| exceeds 1, everything is clipped to it and divided by it, which keeps contrast instead of saturating.
 */
export function dynamicThreshold(clean: Float64Array, quantile = 0.995): Float64Array {
  const sorted = clean.map(Math.abs).sort();
  const limit = Math.max(1, sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!);
  for (let i = 0; i < clean.length; i++) clean[i] = Math.max(-limit, Math.min(limit, clean[i]!)) / limit;
  return clean;
}

/**
 * Static thresholding, in place: what lies beyond [-1, 1] is clipped. It saturates, but leaves alone what was in the range:
 * dividing everything washes out plain backgrounds.
 */
export function staticThreshold(clean: Float64Array): Float64Array {
  for (let i = 0; i < clean.length; i++) clean[i] = Math.max(-1, Math.min(1, clean[i]!));
  return clean;
}

export const thresholds = { dynamic: dynamicThreshold, static: staticThreshold, none: (clean: Float64Array) => clean };
export type Thresholding = keyof typeof thresholds;
