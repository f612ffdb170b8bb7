/** Settled events that wait for one commit, at most: more are committed at once. */
export const groupSize = 500;
/** How long a settled event waits for others to share its commit, while some are still being worked on. */
export const groupMs = 100;
/** The wait before a failed commit or read is tried again: doubled from the first to the last, in milliseconds. */
export const retryMs = { first: 100, last: 5_000 };

/**
 * How many more records a partition may take. Two bounds, as RxJS has none and mergeMap queues whatever it is given:
 * - records in flight (without an outcome): `maxInFlight`. That bounds the memory of what is being worked on;
 * - records without a commit: twice `maxInFlight`, or `maxInFlight` and one commit group where that is more. That bounds the
 *   memory of their outputs when commits are slow or held back, and lets `maxInFlight` records be worked on while as many
 *   are committed.
 * Avoids tiny reads: when less than a quarter of `maxInFlight` is free (16 at most), it waits for more credit to come back.
 */
export function credit({ open, waiting }: { open: number; waiting: number }, maxInFlight: number): number {
  const left = Math.min(maxInFlight - open, maxInFlight + Math.max(maxInFlight, groupSize) - open - waiting);
  return left < Math.min(16, Math.ceil(maxInFlight / 4)) ? 0 : left;
}
