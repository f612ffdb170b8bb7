import { expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { type Pass, Rounds, type RoundsOptions, type Seat } from '../../../src/models/sampling/rounds.js';

/** A model whose steps take as long as their key says; `batches` are the names that ran together. */
function model(options: RoundsOptions = {}, fails: (names: string[]) => unknown = () => undefined) {
  let time = 0;
  const batches: string[][] = [];
  const rounds = new Rounds({ ...options, now: () => time });
  const pass = (name: string, key: string): Pass<string, string> => ({
    key,
    input: name,
    async run(names) {
      const thrown = fails(names);
      time += Number(key);
      batches.push(names);
      if (thrown) throw thrown;
      return names.map((one) => `${one} seen`);
    },
  });
  /** Draws a video of so many steps. */
  const draw = async (name: string, steps: number, { key = '1', onStep = (_: number) => {} } = {}): Promise<Seat> => {
    const seat = rounds.seat();
    try {
      for (let step = 1; step <= steps; step++) {
        expect(await seat.ask([pass(name, key)])).toEqual([`${name} seen`]);
        onStep(step);
      }
    } finally {
      seat.rest();
    }
    return seat;
  };
  return { rounds, batches, draw, pass };
}

it('videos of one shape join at a step border and leave when they are done', async () => {
  const { batches, draw } = model({ most: 4 });
  let joined: Promise<unknown> | undefined;
  const onStep = (step: number) => {
    if (step === 2) joined = draw('late', 2);
  };
  await Promise.all([draw('a', 4, { onStep }), draw('b', 3)]);
  await joined;
  expect(batches).toEqual([['a'], ['a', 'b'], ['a', 'b', 'late'], ['a', 'b', 'late']]);
});

it('a batch has no more than it may, and everybody has a turn', async () => {
  const { batches, draw } = model({ most: 2 });
  await Promise.all(['a', 'b', 'c'].map((name) => draw(name, 4)));
  expect(Math.max(...batches.map(({ length }) => length))).toBe(2);
  for (const name of ['a', 'b', 'c']) expect(batches.flat().filter((one) => one === name)).toHaveLength(4);
});

it('unlike shapes share the time and not the steps: a short step does not wait for as many long ones', async () => {
  const { batches, draw } = model({ most: 4 });
  await Promise.all([draw('long', 3, { key: '10' }), draw('short', 30, { key: '1' })]);
  const order = batches.map(([name]) => name);
  expect(order.filter((name) => name === 'short')).toHaveLength(30);
  // By the end of the second long step, about two long steps' worth of short ones have run.
  const second = order.indexOf('long', order.indexOf('long') + 1);
  expect(order.slice(0, second).filter((name) => name === 'short').length).toBeGreaterThanOrEqual(9);
  expect(order.slice(0, second).filter((name) => name === 'short').length).toBeLessThanOrEqual(21);
});

it('who comes late owes nothing for the time that others have had, and has no claim to it', async () => {
  const { batches, draw } = model();
  let late: Promise<unknown> | undefined;
  const onStep = (step: number) => {
    if (step === 20) late = draw('late', 4, { key: '2' });
  };
  await draw('first', 30, { onStep });
  await late;
  const order = batches.map(([name]) => name).slice(20);
  expect(order.slice(0, 6).filter((name) => name === 'first').length).toBeGreaterThanOrEqual(2);
  expect(order.slice(0, 6).filter((name) => name === 'late').length).toBeGreaterThanOrEqual(2);
});

it('what goes into videos adds up to the time that the model was at any of them', async () => {
  let time = 0;
  const rounds = new Rounds({ most: 2, now: () => time });
  const draw = async (name: string, steps: number, { reading = 0, between = 0, batchMs = 0 }) => {
    const seat = rounds.seat();
    time += reading;
    for (let step = 0; step < steps; step++) {
      await seat.ask([
        {
          key: String(batchMs),
          input: name,
          async run(names: string[]) {
            time += batchMs;
            return names;
          },
        },
      ]);
      time += between;
    }
    return seat.leave();
  };
  const pair = { reading: 5, between: 1, batchMs: 8 };
  const parts = await Promise.all([draw('a', 3, pair), draw('b', 3, pair), draw('alone', 2, { batchMs: 30 })]);
  expect(parts.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(time);
  // Half of each batch of two, and never what another's steps took.
  expect(parts[2]).toBeGreaterThanOrEqual(60);
  expect(parts[0]).toBeLessThan(60);
  // Nobody is at work any more.
  time += 1000;
  expect(await draw('after', 1, { batchMs: 7 })).toBe(7);
});

it('a batch that runs again in halves is counted once', async () => {
  let time = 0;
  const rounds = new Rounds({ most: 2, now: () => time });
  const draw = async (name: string) => {
    const seat = rounds.seat();
    const run = async (names: string[]) => {
      time += 10;
      if (names.length > 1) throw new Error('OOM when allocating tensor with shape[2]');
      return names;
    };
    await seat.ask([{ key: 'one', input: name, run }]);
    return seat.leave();
  };
  let both: Promise<number>[] = [];
  await rounds.between(async () => {
    both = [draw('a'), draw('b')];
  });
  const [a, b] = await Promise.all(both);
  expect([a, b, time]).toEqual([15, 15, 30]);
});

it('a batch that finds too little memory runs again in halves, and later ones are smaller', async () => {
  const fewer: number[] = [];
  const { batches, draw } = model({ most: 4, onFewer: (most) => fewer.push(most) }, (names) =>
    names.length > 1 ? new Error('failed to allocate memory for requested buffer of size 1') : undefined,
  );
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => draw(name, 2)));
  expect(fewer).toEqual([2, 1]);
  const [, first, second] = batches;
  expect([first, second]).toEqual([
    ['a', 'b', 'c', 'd'],
    ['a', 'b'],
  ]);
  expect(batches.at(-1)).toHaveLength(1);
});

it('one video that cannot be drawn fails alone', async () => {
  const { draw } = model({ most: 4 }, (names) =>
    names.includes('bad') ? new VimiError('INTERNAL', 'not finite') : undefined,
  );
  const ends = await Promise.allSettled(['a', 'bad', 'c'].map((name) => draw(name, 3)));
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('the branches of one video are no batch: a graph would be compiled for it', async () => {
  const { batches, rounds, pass } = model({ most: 4 });
  const seat = rounds.seat();
  expect(await seat.ask([pass('nothing', '1'), pass('text', '1')])).toEqual(['nothing seen', 'text seen']);
  expect(batches).toEqual([['nothing'], ['text']]);
});

it('other work has the model between two turns', async () => {
  const { rounds, batches, draw } = model();
  let between: Promise<void> | undefined;
  const onStep = (step: number) => {
    if (step === 1)
      between = rounds.between(async () => {
        const before = batches.length;
        await new Promise((resolve) => setImmediate(resolve));
        expect(batches).toHaveLength(before);
        batches.push(['between']);
      });
  };
  await draw('a', 4, { onStep });
  await between;
  expect(batches.map(([name]) => name)).toContain('between');
  expect(batches).toHaveLength(5);
});
