import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Denoiser, GenerateInput, RgbVideo } from '../../../src/models/ports.js';
import { AtOnce } from '../../../src/models/servers/at-once.js';
import { createDenoiser } from '../../../src/models/servers/denoiser.js';
import { measureBudget } from '../../../src/models/servers/measure-budget.js';
import { Places } from '../../../src/models/servers/places.js';
import { testFolder } from '../../media/make-media.js';
import { patient } from '../../support/patience.js';

describe('places', () => {
  const { signal } = new AbortController();

  test('let so many in, the others in their order, and more when there are more', async () => {
    const places = new Places(1);
    const order: string[] = [];
    const enter = async (name: string) => {
      const leave = await places.take(signal);
      order.push(name);
      return leave;
    };
    const [a, b, c] = [enter('a'), enter('b'), enter('c')];
    const leave = await a;
    await Promise.resolve();
    expect(order).toEqual(['a']);
    leave();
    leave(); // twice is once
    await b;
    expect(order).toEqual(['a', 'b']);
    places.most = 2;
    await c;
    expect(order).toEqual(['a', 'b', 'c']);
    places.most = 1;
    expect(places.taken).toBe(2);
  });

  test('who is cancelled while waiting takes none', async () => {
    const places = new Places(1);
    const leave = await places.take(signal);
    const abort = new AbortController();
    const gone = expect(places.take(abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    const next = places.take(signal);
    abort.abort();
    await gone;
    leave();
    (await next)();
    expect(places.taken).toBe(0);
  });
});

describe('how many at once are worth it', () => {
  /** A step of n takes so many milliseconds. */
  const measured = async (stepMs: Record<number, number | Error>, most = 8) => {
    const open: number[] = [];
    const budget = await measureBudget((atOnce) => {
      open.push(atOnce);
      return {
        async step() {
          const ms = stepMs[atOnce]!;
          if (ms instanceof Error) throw ms;
          return ms;
        },
        close: () => void open.splice(open.indexOf(atOnce), 1),
      };
    }, most);
    expect(open).toEqual([]);
    return budget;
  };

  test('goes up as long as twice as many gain', async () => {
    expect(await measured({ 1: 100, 2: 110, 4: 150, 8: 290 })).toMatchObject({ atOnce: 4 });
    expect(await measured({ 1: 100, 2: 183 })).toEqual({ atOnce: 1, gains: [{ atOnce: 2, times: 200 / 183 }] });
    expect(await measured({ 1: 100, 2: 110, 4: 150 }, 4)).toMatchObject({ atOnce: 4 });
  });

  test('a batch that seems to gain more than it has videos is compared once more', async () => {
    let aloneTries = 0;
    const budget = await measureBudget(
      (atOnce) => ({
        step: async () => (atOnce === 1 ? (aloneTries++ < 5 ? 900 : 100) : 195),
        close: () => {},
      }),
      2,
    );
    expect(budget).toEqual({ atOnce: 1, gains: [{ atOnce: 2, times: 200 / 195 }] });
  });

  test('too little memory ends the search, and a defect is told', async () => {
    const short = new Error('OOM when allocating tensor with shape[8,16,64,64,3]');
    expect(await measured({ 1: 100, 2: 110, 4: short })).toMatchObject({ atOnce: 2 });
    await expect(measured({ 1: 100, 2: new Error('shapes differ') })).rejects.toThrow('shapes differ');
  });

  test('what was too much is tried again after many jobs without trouble', () => {
    const atOnce = new AtOnce();
    expect(atOnce.now).toBe(1);
    atOnce.measured = 4;
    expect(atOnce.now).toBe(4);
    atOnce.asked = 8;
    atOnce.shrink(2);
    for (let n = 0; n < 31; n++) atOnce.done();
    expect(atOnce.now).toBe(2);
    atOnce.done();
    expect(atOnce.now).toBe(4);
    for (let n = 0; n < 32; n++) atOnce.done();
    expect(atOnce.now).toBe(8);
    atOnce.shrink(0);
    expect(atOnce.now).toBe(1);
  });
});

const unabortable = new AbortController().signal;
const asked = (seed: number, steps = 3): GenerateInput => ({
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox moves left' }] },
  ...{ frames: 1, width: 32, height: 32, fps: 8, steps, guidance: { text: 2, image: 2 }, seed },
});

describe('nano on wasm, several at once', () => {
  let denoiser: Denoiser & { pid?: number | null };
  const lines: string[] = [];
  /** Each of them alone. */
  const alone: RgbVideo[] = [];
  beforeAll(async () => {
    denoiser = await createDenoiser({ model: 'nano', backend: 'wasm', log: (line) => lines.push(line) });
    expect(denoiser.atOnce!(1)).toBe(1);
    for (const seed of [1, 2, 3]) alone.push((await denoiser.generate(asked(seed), { signal: unabortable })).video);
  });
  afterAll(() => denoiser.close());

  test('each is told of its own steps and previews, one is cancelled, and the others are what they are alone', async () => {
    expect(denoiser.atOnce!(3)).toBe(3);
    const others = ['a', 'b', 'waits'];
    const order: string[] = [];
    const abort = new AbortController();
    const draw = (name: string, seed: number, { steps = 3, signal = unabortable } = {}) =>
      denoiser.generate(asked(seed, steps), {
        signal,
        onStep: (done, total) => {
          order.push(`${name} ${done}/${total}`);
          // Until all the others have been at it beside this one.
          if (name === 'cancelled' && others.every((one) => order.includes(`${one} 1/3`))) abort.abort();
        },
        // The first step has one, however fast it is; there may be more.
        onPreview: () => order.includes(`${name} shown`) || order.push(`${name} shown`),
        onLast: () => order.push(`${name} last`),
      });
    const ends = await Promise.allSettled([
      draw('a', 1),
      draw('cancelled', 9, { steps: 1000, signal: abort.signal }),
      draw('b', 2),
      draw('waits', 3),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    const [a, , b, waits] = ends.map((end) => (end.status === 'fulfilled' ? end.value.video.data : undefined));
    for (const [n, data] of [a, b, waits].entries()) expect(Buffer.compare(data!, alone[n]!.data)).toBe(0);
    for (const name of others) {
      const own = order.filter((line) => line.startsWith(`${name} `));
      // It says so when little is left, after its first step or its second.
      expect(own.filter((line) => line !== `${name} last`)).toEqual([
        `${name} shown`,
        ...[1, 2, 3].map((n) => `${name} ${n}/3`),
      ]);
      expect([2, 3]).toContain(own.indexOf(`${name} last`));
    }
    // Three at once: the fourth began when one of them had left, beside the one that was still at it.
    const firstEnd = Math.min(order.indexOf('a last'), order.indexOf('b last'));
    expect(order.indexOf('waits 1/3')).toBeGreaterThan(firstEnd);
  });

  test('a process that crashes at several is started again: all of them are made again, fewer at once', async () => {
    expect(denoiser.atOnce!(3)).toBe(3);
    const pid = denoiser.pid!;
    let isKilled = false;
    // The last of them is at it as well.
    const onStep = (done: number) => {
      if (done === 1 && !isKilled) process.kill(pid, 'SIGSEGV');
      isKilled = true;
    };
    // The others are far from their ends by then.
    const [, , third] = await Promise.all(
      [1, 2, 3].map((seed) =>
        denoiser.generate(asked(seed, seed === 3 ? 3 : 12), { signal: unabortable, ...(seed === 3 && { onStep }) }),
      ),
    );
    expect(Buffer.compare(third!.video.data, alone[2]!.data)).toBe(0);
    expect(isKilled).toBe(true);
    expect(denoiser.pid).not.toBe(pid);
    expect(denoiser.atOnce!(3)).toBe(1);
    expect(lines.join('\n')).toMatch(/it was at [23] jobs at once: they are made again, 1 at once/);
  });
});

test('a batch that WebAssembly has no memory for: all its videos are made again by a new process, fewer at once', async () => {
  const limit = join(await testFolder(), 'limit.mjs');
  // Enough for one video of this size, and not for three at once.
  writeFileSync(limit, "import v8 from 'node:v8'; v8.setFlagsFromString('--wasm-max-mem-pages=3000');\n");
  const lines: string[] = [];
  vi.stubEnv('NODE_OPTIONS', `--import=${limit}`);
  const denoiser: Denoiser & { pid?: number | null } = await createDenoiser({
    ...{ model: 'nano', backend: 'wasm', log: (line: string) => void lines.push(line) },
  });
  try {
    const pid = denoiser.pid;
    const large = (seed: number) => ({ ...asked(seed, 1), frames: 8, guidance: { text: 3, image: 3 } });
    const draw = async (seed: number) => (await denoiser.generate(large(seed), { signal: unabortable })).video.data;
    expect(denoiser.atOnce!(4)).toBe(4);
    const together = await Promise.all([1, 2, 3, 4].map(draw));
    expect(denoiser.pid).not.toBe(pid);
    expect(denoiser.atOnce!(4)).toBeLessThan(4);
    expect(lines.join('\n')).toMatch(/too little memory: from now on \d at once[\s\S]* are made again, 1 at once/);
    denoiser.atOnce!(1);
    for (const [n, data] of together.entries()) expect(Buffer.compare(data, await draw(n + 1))).toBe(0);
  } finally {
    vi.unstubAllEnvs();
    await denoiser.close();
  }
});

test('how many at once are worth it is measured between the steps of a job, told, and remembered', async () => {
  const budgets = join(await testFolder(), 'work', 'budgets.json');
  const lines: string[] = [];
  const said = /^draws \d at once \(2 at once are [\d.]+ times as fast/;
  const open = () => createDenoiser({ model: 'nano', budgets, log: (line) => lines.push(line) });
  const denoiser = await open();
  try {
    expect(denoiser.atOnce!()).toBe(1);
    denoiser.measure!();
    // As many steps as it takes: the model stands still for none of it.
    let steps = 0;
    const measured = new AbortController();
    const onStep = () => {
      if (lines.some((line) => said.test(line))) measured.abort();
      else steps++;
    };
    await expect(denoiser.generate(asked(1, 1000), { signal: measured.signal, onStep })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(steps).toBeGreaterThan(3);
    expect(denoiser.atOnce!()).toBeGreaterThanOrEqual(1);
    // What its user says counts.
    expect(denoiser.atOnce!(2)).toBe(2);
  } finally {
    await denoiser.close();
  }
  lines.length = 0;
  const next = await open();
  await next.close();
  expect(lines.at(-1)).toMatch(new RegExp(`${said.source}.*, as measured before$`));
});

test('it is measured when a job waits while another is drawn, where nobody asked before', async () => {
  const lines: string[] = [];
  const denoiser = await createDenoiser({ model: 'nano', log: (line) => lines.push(line) });
  try {
    await denoiser.generate(asked(1, 2), { signal: unabortable, onStep: () => void denoiser.atOnce!() });
    await vi.waitFor(() => expect(lines.some((line) => line.startsWith('draws '))).toBe(true), patient);
  } finally {
    await denoiser.close();
  }
});
