/** So long before its end a job gives way: the next one has to be prepared, and to come from another process. Milliseconds. */
const handOverMs = 250;

/**
 * Calls `tell` once, when a job has little left by the time that its steps took so far; at its last step at the latest, if `atLast` is called.
 * `now`: milliseconds.
 */
export function nearEnd(
  tell: () => void,
  now: () => number,
): { atStep(done: number, total: number): void; atLast(): void } {
  const began = now();
  let isTold = false;
  const atLast = () => {
    if (!isTold) tell();
    isTold = true;
  };
  return {
    atLast,
    atStep(done, total) {
      if ((total - done) * ((now() - began) / done) <= handOverMs) atLast();
    },
  };
}
