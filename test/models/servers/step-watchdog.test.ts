import { expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import { StepWatchdog } from '../../../src/models/servers/step-watchdog.js';

const minute = 60_000;

function watched() {
  const clock = new VirtualClock(0);
  const stuck: number[] = [];
  return { clock, stuck, dog: new StepWatchdog(clock, (seconds) => stuck.push(seconds)) };
}

it('a first step has five minutes, and what hangs is told once', async () => {
  const { clock, stuck, dog } = watched();
  dog.begin(1);
  await clock.advance(5 * minute - 1);
  expect(stuck).toEqual([]);
  await clock.advance(1);
  expect(stuck).toEqual([300]);
  await clock.advance(60 * minute);
  expect(stuck).toEqual([300]);
});

it('slow steps have a hundred times what they usually take', async () => {
  const { clock, stuck, dog } = watched();
  dog.begin(1);
  for (let step = 0; step < 4; step++) {
    await clock.advance(minute);
    dog.step(1);
  }
  await clock.advance(99 * minute);
  expect(stuck).toEqual([]);
  await clock.advance(minute);
  expect(stuck).toEqual([6000]);
});

it('a first step that was too slow has four times as long when it is made again', async () => {
  const { clock, stuck, dog } = watched();
  dog.begin(1);
  await clock.advance(5 * minute);
  dog.begin(1);
  await clock.advance(20 * minute - 1);
  expect(stuck).toEqual([300]);
  await clock.advance(1);
  expect(stuck).toEqual([300, 1200]);
  // It comes at last: from then on it is known how slow they are.
  dog.begin(1);
  await clock.advance(60 * minute);
  dog.step(1);
  expect(dog.limitMs).toBe(100 * 60 * minute);
});

it('one slow step among many changes nothing', async () => {
  const { clock, dog } = watched();
  dog.begin(1);
  for (const ms of [100, 200, 4 * minute, 100, 200]) {
    await clock.advance(ms);
    dog.step(1);
  }
  expect(dog.limitMs).toBe(5 * minute);
});

it('what has ended is watched no more', async () => {
  const { clock, stuck, dog } = watched();
  dog.begin(1);
  dog.end(1);
  dog.step(1);
  await clock.advance(60 * minute);
  expect(stuck).toEqual([]);
});

it('watches each job by itself: one that stands still is noticed while others go on', async () => {
  const { clock, stuck, dog } = watched();
  dog.begin(1);
  dog.begin(2);
  for (let n = 0; n < 9; n++) {
    await clock.advance(minute / 2);
    dog.step(2);
  }
  expect(stuck).toEqual([]);
  dog.end(2);
  await clock.advance(60 * minute);
  expect(stuck).toHaveLength(1);
});
