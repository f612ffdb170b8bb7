/** Settled events that wait for one commit, at most: more are committed at once. */
export const groupSize = 500;
/** How long a settled event waits for others to share its commit, while some are still being worked on. */
export const groupMs = 100;

/**
 * How many more records a partition may take. Two bounds, as RxJS has none and mergeMap queues whatever it is given:
 * - `window` on the records without a fate: memory of what is being worked on;
 * - `window` + another, or + one commit group where that is more, on the records without a commit: memory of their
 *   outputs, when commits are slow or must be held back. So a whole window can be worked on while one is committed.
 * Little is asked for in small change: below a quarter of the window (16 at most) it waits for more credit to come back,
 * so that reading stays a matter of batches.
 */
export function credit({ open, waiting }: { open: number; waiting: number }, window: number): number {
  const left = Math.min(window - open, window + Math.max(window, groupSize) - open - waiting);
  return left < Math.min(16, Math.ceil(window / 4)) ? 0 : left;
}
