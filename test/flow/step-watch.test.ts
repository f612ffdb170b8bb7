import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StepWatch } from '../../src/flow/step-watch.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const place = (offset: number) => ({ topic: 'in', partition: 2, offset });

it('[use U4] a step that stands still is told of once, with its event, and again when it went on in between', async () => {
  const told: unknown[][] = [];
  const watch = new StepWatch({ elapsed: () => Date.now(), onStandstill: (...what) => told.push(what) });
  const never = new Promise<never>(() => {});
  void watch.watch('own', place(7), never);
  await vi.advanceTimersByTimeAsync(299_000);
  expect(told).toEqual([]);
  expect(watch.oldest).toEqual(new Map([['own', 299]]));
  await vi.advanceTimersByTimeAsync(3_000);
  expect(told).toEqual([['own', 'in/2/7', 301]]);
  await vi.advanceTimersByTimeAsync(900_000);
  expect(told).toHaveLength(1);
  await watch.watch('own', place(8), Promise.resolve());
  await vi.advanceTimersByTimeAsync(302_000);
  expect(told).toHaveLength(2);
});

it("[use U4] what reaches the limit is given up, and what it comes to later is nobody's", async () => {
  const watch = new StepWatch({ elapsed: () => Date.now(), limitMs: 5_000 });
  let late = (_: string) => {};
  const slow = watch.watch('own', place(7), new Promise<string>((resolve) => (late = resolve)));
  const given = expect(slow).rejects.toMatchObject({ code: 'STEP_STUCK', where: 'in/2/7', fault: 'input' });
  await vi.advanceTimersByTimeAsync(7_000);
  await given;
  late('done');
  expect(watch.oldest.size).toBe(0);
});
