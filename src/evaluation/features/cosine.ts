import type { Features } from './read-features.js';

/** Of row i and row j; 0 where one of them is all zeros. */
export function cosine(a: Features, i: number, b: Features, j: number): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let k = 0; k < a.d; k++) {
    const [x, y] = [a.values[i * a.d + k]!, b.values[j * b.d + k]!];
    product += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa * bb === 0 ? 0 : product / Math.sqrt(aa * bb);
}
