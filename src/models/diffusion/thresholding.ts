/**
 * Dynamic thresholding (Imagen, arXiv 2205.11487, Sec. 2.3), in place: guidance pushes D out of [-1, 1]; if the given
 * quantile of |D| exceeds 1, everything is clipped to it and divided by it, which keeps contrast instead of saturating.
 */
export function threshold(clean: Float64Array, quantile = 0.995): Float64Array {
  const sorted = clean.map(Math.abs).sort();
  const limit = Math.max(1, sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!);
  for (let i = 0; i < clean.length; i++) clean[i] = Math.max(-limit, Math.min(limit, clean[i]!)) / limit;
  return clean;
}
