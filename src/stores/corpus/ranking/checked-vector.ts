import { VimiError } from '../../../core/errors.js';

/** True for `dimensions` finite numbers that are not all zero: what the vector index can take without aborting. */
export function isVector(vector: ArrayLike<number>, dimensions: number): boolean {
  if (vector.length !== dimensions) return false;
  let isZero = true;
  for (let i = 0; i < dimensions; i++) {
    if (!Number.isFinite(vector[i])) return false;
    if (vector[i] !== 0) isZero = false;
  }
  return !isZero;
}

/** VECTOR_INVALID unless `isVector`. */
export function checkVector(vector: readonly number[], dimensions: number, where: string): void {
  if (isVector(vector, dimensions)) return;
  const wrong = vector.findIndex((value) => !Number.isFinite(value));
  throw new VimiError('VECTOR_INVALID', 'This vector cannot be used for a search', {
    expected: `${dimensions} finite numbers, not all zero`,
    found: wrong >= 0 ? `${vector[wrong]} at ${wrong}` : `${vector.length} numbers`,
    where,
  });
}

export function toBlob(vector: readonly number[]): Buffer {
  return Buffer.from(new Float32Array(vector).buffer);
}

/** The numbers of a blob, copied only where its place in memory asks for it. */
export function fromBlob(blob: Buffer): Float32Array {
  const { buffer, byteOffset, byteLength } = blob;
  const { BYTES_PER_ELEMENT: size } = Float32Array;
  return byteOffset % size === 0
    ? new Float32Array(buffer, byteOffset, byteLength / size)
    : new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Cosine of two vectors of one length, -1 to 1. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}
