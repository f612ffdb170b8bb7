import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/virtual-clock.js';

const start = Date.parse('2026-01-31T12:00:00Z');

it('stands still until it is advanced', async () => {
  const clock = new VirtualClock(start);
  await setImmediate();
  expect([clock.now(), clock.elapsed()]).toEqual([start, 0]);
  await clock.advance(90_000);
  expect([clock.now(), clock.elapsed()]).toEqual([start + 90_000, 90_000]);
});

it('wakes sleepers in order, at the moment that they wait for, also those that sleep again', async () => {
  const clock = new VirtualClock(start);
  const woke: [string, number][] = [];
  const sleep = async (name: string, ...times: number[]) => {
    for (const ms of times) {
      await clock.sleep(ms);
      woke.push([name, clock.elapsed()]);
    }
  };
  const [a, b] = [sleep('a', 3_600_000, 3_600_000), sleep('b', 5_400_000)];
  await clock.advance(7_200_000);
  await Promise.all([a, b]);
  expect(woke).toEqual([
    ['a', 3_600_000],
    ['b', 5_400_000],
    ['a', 7_200_000],
  ]);
});

it('does not wake who sleeps longer, until its signal aborts', async () => {
  const clock = new VirtualClock(start);
  const over = new AbortController();
  let woke = false;
  const sleeping = clock.sleep(3_600_001, over.signal).then(() => {
    woke = true;
  });
  await clock.advance(3_600_000);
  expect(woke).toBe(false);
  over.abort();
  await sleeping;
  await clock.sleep(3_600_000, over.signal);
  expect(clock.elapsed()).toBe(3_600_000);
});

it('shows what a sleep took that nobody shortened', async () => {
  const clock = new VirtualClock(start);
  await clock.sleep(5);
  expect(clock.elapsed()).toBe(5);
});
