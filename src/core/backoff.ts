/** Milliseconds to wait before a failed call is tried again: doubling with each failure, from the first to the last. */
export interface Backoff {
  first: number;
  last: number;
}

/** The wait after a call has failed `failures` times before (0: for the first time). */
export function waitAfter(failures: number, { first, last }: Backoff): number {
  return Math.min(last, first * 2 ** failures);
}
