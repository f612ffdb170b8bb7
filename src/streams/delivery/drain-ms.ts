/** What is in flight has so long unless it is said otherwise. */
export const drainMs = 10_000;
