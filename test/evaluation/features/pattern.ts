/** Rows sin(1.7 i (k + 1) + s k) + 0.1 s k: the same numbers in any language. */
export function rows(n: number, d: number, s: number): { n: number; d: number; values: Float64Array } {
  const at = (i: number, k: number) => Math.sin(1.7 * i * (k + 1) + s * k) + 0.1 * s * k;
  return { n, d, values: Float64Array.from({ length: n * d }, (_, j) => at(Math.floor(j / d), j % d)) };
}
