/**
 * The two-dimensional DCT-II (orthonormal) of a square plane, row by row: the k x k coefficients of lowest frequency.
 */
export function cosineTransform(plane: Float64Array, side: number, k: number): Float64Array {
  const basis = new Float64Array(k * side); // [k, side]
  for (let u = 0; u < k; u++)
    for (let x = 0; x < side; x++)
      basis[u * side + x] = Math.sqrt((u === 0 ? 1 : 2) / side) * Math.cos((Math.PI * (2 * x + 1) * u) / (2 * side));
  const rows = new Float64Array(side * k); // [side, k]: every row transformed
  for (let y = 0; y < side; y++)
    for (let u = 0; u < k; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += plane[y * side + x]! * basis[u * side + x]!;
      rows[y * k + u] = sum;
    }
  const out = new Float64Array(k * k);
  for (let v = 0; v < k; v++)
    for (let u = 0; u < k; u++) {
      let sum = 0;
      for (let y = 0; y < side; y++) sum += rows[y * k + u]! * basis[v * side + y]!;
      out[v * k + u] = sum;
    }
  return out;
}

/** The first n places of a k x k table in the order of rising frequency (diagonals), as indices. */
export function zigzag(k: number, n: number): number[] {
  return Array.from({ length: k * k }, (_, i) => i)
    .sort((a, b) => {
      const diagonal = Math.floor(a / k) + (a % k) - (Math.floor(b / k) + (b % k));
      return diagonal !== 0 ? diagonal : a - b;
    })
    .slice(0, n);
}
