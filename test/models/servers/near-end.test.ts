import { expect, it } from 'vitest';
import { nearEnd } from '../../../src/models/servers/near-end.js';

/** After how many of its steps, each so long, a job is told to be near its end. */
function toldAt(total: number, stepMs: number): number | undefined {
  let now = 0;
  let done = 0;
  const told: number[] = [];
  const end = nearEnd(
    () => told.push(done),
    () => now,
  );
  for (done = 1; done <= total; done++) {
    now += stepMs;
    end.atStep(done, total);
    if (done === total - 1) end.atLast();
  }
  expect(told.length).toBeLessThanOrEqual(1);
  return told[0];
}

it('is near when a quarter of a second is left, and at the last step however long that is', () => {
  expect(toldAt(20, 100)).toBe(18);
  expect(toldAt(20, 25)).toBe(10);
  expect(toldAt(20, 5)).toBe(1);
  expect(toldAt(20, 60_000)).toBe(19);
  // The one step of a job is its last: nothing is known before.
  expect(toldAt(1, 60_000)).toBe(1);
});
