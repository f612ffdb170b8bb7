import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { compiled } from '../../../src/core/compiled.js';
import type { Denoiser, GenerateInput, RgbImage, RgbVideo } from '../../../src/models/ports.js';
import { createDenoiser } from '../../../src/models/servers/denoiser.js';
import { patient } from '../../support/patience.js';

const image = { width: 20, height: 14, data: Uint8Array.from({ length: 20 * 14 * 3 }, (_, i) => (i * 7) % 256) };

function input(change: Partial<GenerateInput> = {}): GenerateInput {
  return {
    prompt: {
      task: 'text-to-video',
      instruction: 'Generate a video with the retrieved text-image pair and the text.',
      parts: [{ text: 'fox' }, { pixels: image, role: 'reference' }, { text: 'a fox moves left on a blue background' }],
    },
    frames: 1,
    width: 32,
    height: 32,
    fps: 8,
    steps: 2,
    guidance: { text: 2, image: 3 },
    seed: 11,
    ...change,
  };
}

const unabortable = new AbortController().signal;
const generate = async (denoiser: Denoiser, change: Partial<GenerateInput> = {}) =>
  (await denoiser.generate(input(change), { signal: unabortable })).video;

/** The shipped model: what it takes to start are its weights and TensorFlow, whatever it then draws. */
const nano = { model: 'nano', backend: 'wasm' } as const;

describe('nano on wasm', () => {
  let denoiser: Denoiser & { pid?: number | null };
  /** What it makes of `input`, always. */
  let usual: RgbVideo;
  beforeAll(async () => {
    denoiser = await createDenoiser(nano);
    usual = await generate(denoiser);
  });
  afterAll(() => denoiser.close());

  test('describes itself', async () => {
    const description = await denoiser.describe();
    expect(description).toMatchObject({ name: 'nano', limits: { frames: 8, width: 32, height: 32, images: 3 } });
    expect(description.backend).toMatch(/^wasm/);
    expect(description.weights).toMatch(/^[0-9a-f]{64}$/);
    expect(description.parameters).toBeGreaterThan(300_000);
  });

  test('makes frames, tells each step, shows how far it is, and the seed decides', async () => {
    const previews: RgbImage[] = [];
    const steps: string[] = [];
    const { video, seconds } = await denoiser.generate(input(), {
      signal: unabortable,
      onStep: (done, total) => steps.push(`${done}/${total}`),
      onPreview: (frame) => previews.push(frame),
    });
    expect(video).toMatchObject({ frames: 1, width: 32, height: 32 });
    expect(video.data).toHaveLength(32 * 32 * 3);
    expect(new Set(video.data).size).toBeGreaterThan(20);
    expect(steps).toEqual(['1/2', '2/2']);
    // The first step has one, however fast it is; the last has the video itself.
    expect(previews.map(({ width, height, data }) => [width, height, data.length])).toEqual([[32, 32, 32 * 32 * 3]]);
    expect(seconds).toBeGreaterThan(0);
    expect(Buffer.compare(video.data, usual.data)).toBe(0);
    expect(Buffer.compare(video.data, (await generate(denoiser, { seed: 12 })).data)).not.toBe(0);
  });

  test('a process that hangs is killed and started again: its job fails, and can be made again', async () => {
    // Its sleep ends when the test says so.
    const sleeps = new Set<() => void>();
    const clock = {
      ...systemClock,
      sleep: (_: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          sleeps.add(resolve);
          signal?.addEventListener('abort', () => {
            sleeps.delete(resolve);
            resolve();
          });
        }),
    };
    const lines: string[] = [];
    const watched: Denoiser & { pid?: number | null } = await createDenoiser({
      ...nano,
      clock,
      log: (line, level) => void lines.push(`${level}: ${line}`),
    });
    try {
      const first = watched.pid!;
      let hasStopped = () => {};
      const stopped = new Promise<void>((resolve) => {
        hasStopped = resolve;
      });
      const made = watched.generate(input({ steps: 40 }), {
        signal: unabortable,
        onStep: (done) => {
          if (done !== 1) return;
          process.kill(first, 'SIGSTOP');
          hasStopped();
        },
      });
      const failed = expect(made).rejects.toMatchObject({
        code: 'MODEL_CRASHED',
        message: expect.stringContaining('no step for'),
      });
      // What it said before it was stopped is heard first: each step is watched anew.
      await stopped;
      await vi.waitFor(() => {
        for (const wake of [...sleeps]) wake();
        expect(lines.join()).toContain('warn: the model process hangs');
      }, patient);
      await failed;
      expect(Buffer.compare((await generate(watched)).data, usual.data)).toBe(0);
      expect(watched.pid).not.toBe(first);
      // Between jobs nothing is watched.
      expect(sleeps.size).toBe(0);
    } finally {
      await watched.close();
    }
  });

  test('neighbours change nobody, bit for bit', async () => {
    const [first, , third] = await Promise.all([
      generate(denoiser),
      generate(denoiser, { seed: 99, frames: 2 }),
      generate(denoiser),
    ]);
    expect(Buffer.compare(usual.data, first!.data)).toBe(0);
    expect(Buffer.compare(usual.data, third!.data)).toBe(0);
  });

  test('a smaller video is the middle of a native one', async () => {
    const whole = await generate(denoiser, { steps: 1 });
    const part = await generate(denoiser, { steps: 1, width: 16, height: 8 });
    expect(part).toMatchObject({ width: 16, height: 8 });
    const at = (y: number, x: number) => (y * 32 + x) * 3;
    expect([...part.data.subarray(0, 48)]).toEqual([...whole.data.subarray(at(12, 8), at(12, 24))]);
  });

  test('a cancelled job ends at the next step border, and the next one runs', async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const job = denoiser.generate(input({ steps: 1000 }), {
      signal: abort.signal,
      onStep: (done) => {
        seen.push(done);
        if (done === 2) abort.abort();
      },
    });
    await expect(job).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(seen.length).toBeLessThan(1000);
    expect((await generate(denoiser)).frames).toBe(1);
  });

  test('a job cancelled while it waits never begins', async () => {
    const abort = new AbortController();
    const first = generate(denoiser);
    let steps = 0;
    const second = denoiser.generate(input(), { signal: abort.signal, onStep: () => steps++ });
    const refused = expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
    // One turn: the second is in line behind the first.
    await Promise.resolve();
    abort.abort();
    await refused;
    await first;
    expect(steps).toBe(0);
  });

  /** Sends a signal to the process at the first step of each try at a job, so many times. */
  function hitting(target: Denoiser & { pid?: number | null }, signal: NodeJS.Signals, times: number) {
    let hits = 0;
    let last: number | undefined;
    return {
      hits: () => hits,
      onStep() {
        if (hits >= times || target.pid === last) return;
        last = target.pid!;
        hits++;
        process.kill(last, signal);
      },
    };
  }

  test('crashed in the middle: that job is MODEL_CRASHED, those behind it and after it are made', async () => {
    const { onStep } = hitting(denoiser, 'SIGSEGV', 1);
    const hit = denoiser.generate(input({ steps: 1000 }), { signal: unabortable, onStep });
    const behind = generate(denoiser);
    await expect(hit).rejects.toMatchObject({ code: 'MODEL_CRASHED', retryable: true });
    expect(Buffer.compare((await behind).data, usual.data)).toBe(0);
    expect(Buffer.compare((await generate(denoiser, { seed: 12 })).data, usual.data)).not.toBe(0);
  });

  describe('killed from outside', () => {
    let kills: number | undefined;
    let one: Denoiser & { pid?: number | null };
    beforeAll(async () => {
      kills = 0;
      one = await createDenoiser({ ...nano, killsForMemory: () => kills });
    });
    afterAll(() => one.close());
    const drawn = (calls: { onStep(): void }) =>
      one.generate(input({ steps: 40 }), { signal: unabortable, ...calls }).then(({ video }) => video);

    test('three times in the middle of one job: it is made, and of the same bytes', async () => {
      const undisturbed = await generate(one, { steps: 40 });
      const { hits, onStep } = hitting(one, 'SIGKILL', 3);
      expect(Buffer.compare((await drawn({ onStep })).data, undisturbed.data)).toBe(0);
      expect(hits()).toBe(3);
    });

    test('four times at one job: nobody waits for ever, that job is MODEL_CRASHED and the next one is made', async () => {
      const { hits, onStep } = hitting(one, 'SIGKILL', 4);
      const behind = generate(one);
      await expect(drawn({ onStep })).rejects.toMatchObject({ code: 'MODEL_CRASHED', found: 'SIGKILL' });
      expect(hits()).toBe(4);
      expect(Buffer.compare((await behind).data, usual.data)).toBe(0);
    });

    test.each([
      ['the kernel says that it was for its memory', 1],
      ['nobody knows whether it was for its memory', undefined],
    ])('%s: that job is MODEL_CRASHED', async (_, after) => {
      const { hits, onStep } = hitting(one, 'SIGKILL', 1);
      const hit = drawn({
        onStep() {
          kills = after;
          onStep();
        },
      });
      await expect(hit).rejects.toMatchObject({ code: 'MODEL_CRASHED' });
      expect(hits()).toBe(1);
    });
  });

  test('killed while idle, it is there again for the next job', async () => {
    const pid = denoiser.pid!;
    process.kill(pid, 'SIGKILL');
    await vi.waitUntil(() => denoiser.pid !== pid, patient);
    expect(Buffer.compare((await generate(denoiser)).data, usual.data)).toBe(0);
  });

  test.each([
    ['frames', { frames: 9 }, 'REQUEST_OVER_LIMIT'],
    ['width', { width: 64 }, 'REQUEST_OVER_LIMIT'],
    ['odd width', { width: 31 }, 'REQUEST_OVER_LIMIT'],
    ['no frames', { frames: 0 }, 'REQUEST_OVER_LIMIT'],
    ['steps', { steps: 1001 }, 'REQUEST_OVER_LIMIT'],
    ['seed', { seed: 2 ** 32 }, 'REQUEST_OVER_LIMIT'],
    ['fps', { fps: Number.NaN }, 'REQUEST_OVER_LIMIT'],
    [
      'image',
      {
        prompt: {
          task: 'prediction',
          instruction: '',
          parts: [{ pixels: { ...image, width: 21 }, role: 'subject' }],
        },
      },
      'SHAPE_MISMATCH',
    ],
  ] as const)('refuses bad %s', async (_, change, code) => {
    await expect(generate(denoiser, change as Partial<GenerateInput>)).rejects.toMatchObject({ code });
  });

  test('prompts without images, without words, and with more retrieved than it reads; of own images no more [kind 13]', async () => {
    const parts = [
      [{ text: 'a fox' }],
      [{ pixels: image, role: 'subject' as const }],
      [],
      [
        { text: 'word '.repeat(5000) },
        ...Array.from({ length: 9 }, () => ({ pixels: image, role: 'reference' as const })),
        { text: 'größer 火狐 🦊' },
      ],
    ];
    for (const some of parts) {
      const prompt = { task: 'subject-driven' as const, instruction: '', parts: some };
      expect((await generate(denoiser, { prompt, steps: 1, frames: 1 })).data).toHaveLength(32 * 32 * 3);
    }
    const own = Array.from({ length: 4 }, () => ({ pixels: image, role: 'background' as const }));
    const prompt = { task: 'subject-driven' as const, instruction: '', parts: own };
    await expect(generate(denoiser, { prompt, steps: 1, frames: 1 })).rejects.toMatchObject({
      code: 'REQUEST_OVER_LIMIT',
    });
  });
});

test('after close, jobs are refused and open ones cancelled', async () => {
  const denoiser = await createDenoiser(nano);
  const open = denoiser.generate(input({ steps: 1000 }), { signal: unabortable });
  const refused = expect(open).rejects.toMatchObject({ code: 'CANCELLED' });
  await Promise.resolve();
  await denoiser.close();
  await refused;
  await expect(generate(denoiser)).rejects.toMatchObject({ code: 'CANCELLED' });
});

/** Model processes of this one. */
function children(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,args=']).toString().split('\n');
  return listed.flatMap((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return parent === process.pid && line.includes('denoiser-process') ? [pid!] : [];
  });
}

test('[safety S13] a process that is killed before it is ready is started again; one that always is, is told of', async () => {
  const before = new Set(children());
  const starting = createDenoiser({ model: 'nano' });
  await vi.waitUntil(() => children().some((pid) => !before.has(pid)), patient);
  for (const pid of children()) if (!before.has(pid)) process.kill(pid, 'SIGKILL');
  const denoiser = await starting;
  expect((await generate(denoiser)).frames).toBe(1);
  // It did not die of its backend, and draws on with it.
  const undisturbed = await createDenoiser({ model: 'nano' });
  expect(await denoiser.describe()).toEqual(await undisturbed.describe());
  await undisturbed.close();
  await denoiser.close();

  const hopeless = createDenoiser(nano);
  const killing = setInterval(() => {
    for (const pid of children()) if (!before.has(pid)) process.kill(pid, 'SIGKILL');
  }, 1);
  await expect(hopeless).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', fault: 'surroundings', found: 'SIGKILL' });
  clearInterval(killing);
});

test('a process that cannot start again fails each job with the reason, and recovers with its file', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'vimi-')), 'model.safetensors');
  await copyFile(fileURLToPath(new URL('../../../weights/nano/nano.safetensors', import.meta.url)), path);
  const denoiser: Denoiser & { pid?: number | null } = await createDenoiser({ model: path, backend: 'wasm' });
  try {
    const before = await generate(denoiser, { steps: 1 });
    await rename(path, `${path}.away`);
    process.kill(denoiser.pid!, 'SIGKILL');
    await vi.waitUntil(() => denoiser.pid === null, patient);
    for (const job of [generate(denoiser), generate(denoiser)])
      await expect(job).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
    await rename(`${path}.away`, path);
    await vi.waitUntil(() => denoiser.pid === null, patient);
    expect(Buffer.compare((await generate(denoiser, { steps: 1 })).data, before.data)).toBe(0);
  } finally {
    await denoiser.close();
  }
});

test('with an upsampler it describes and makes what comes out of it', async () => {
  const denoiser = await createDenoiser({ ...nano, upsampler: 'nano-upsampler' });
  try {
    expect(await denoiser.describe()).toMatchObject({
      name: 'nano',
      upsampler: { name: 'nano-upsampler', weights: expect.stringMatching(/^[0-9a-f]{64}$/) },
      limits: { frames: 16, width: 64, height: 64, images: 3 },
      defaults: { frames: 16, width: 64, height: 64, fps: 16, steps: 20 },
    });
    const video = await generate(denoiser, { steps: 1, width: 64, height: 32 });
    expect(video.data).toHaveLength(64 * 32 * 3);
    await expect(generate(denoiser, { frames: 17 })).rejects.toMatchObject({ code: 'REQUEST_OVER_LIMIT' });
    await expect(generate(denoiser, { width: 30 })).rejects.toMatchObject({ code: 'REQUEST_OVER_LIMIT' });
  } finally {
    await denoiser.close();
  }
});

test('an upsampler makes no videos of its own', async () => {
  const alone = createDenoiser({ model: 'nano-upsampler', backend: 'wasm' });
  await expect(alone).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
});

test.each([
  ['MODEL_UNKNOWN', 'no-such-preset'],
  ['WEIGHTS_NOT_FOUND', './nowhere/model.safetensors'],
])('%s when asked for %s', async (code, model) => {
  await expect(createDenoiser({ model, backend: 'wasm' })).rejects.toMatchObject({ code });
});

test('a damaged file is WEIGHTS_DAMAGED', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'vimi-')), 'bad.safetensors');
  await writeFile(path, 'these are no weights at all');
  await expect(createDenoiser({ model: path, backend: 'wasm' })).rejects.toMatchObject({
    code: 'WEIGHTS_DAMAGED',
    where: path,
  });
});

/** For processes of their own. */
const inProcess = (work: string) => [
  '--input-type=module',
  '-e',
  `const { createDenoiser } = await import(${JSON.stringify(
    compiled(new URL('../../../src/models/servers/x.ts', import.meta.url).href, './denoiser.js'),
  )});
   const d = await createDenoiser(${JSON.stringify(nano)});
   ${work}`,
];
const bare = { ...input(), prompt: { task: 'text-to-video', instruction: '', parts: [] } };

test('an idle or closed denoiser does not keep the process alive', async () => {
  const draw = `await d.generate(${JSON.stringify(bare)}, { signal: new AbortController().signal });`;
  for (const use of [draw, 'await d.close();']) {
    const { stdout } = await promisify(execFile)(process.execPath, inProcess(`${use} console.log('end');`));
    expect(stdout).toBe('end\n');
  }
});

test('a model process ends with the process that started it, also in the middle of a job', async () => {
  const job = { ...bare, frames: 8, steps: 1000 };
  const work = `const onStep = (done) => done === 1 && console.log(d.pid);
   d.generate(${JSON.stringify(job)}, { signal: new AbortController().signal, onStep });`;
  const parent = spawn(process.execPath, inProcess(work), { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(String((await once(parent.stdout, 'data'))[0]));
  parent.kill('SIGKILL');
  const state = () => spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  // Where nobody asks how it ended, its entry stays.
  await vi.waitFor(() => expect(state()).toMatch(/^(Z|$)/), patient);
});

describe('the fake denoiser', () => {
  test('is deterministic in its whole input, and says that it is fake', async () => {
    const denoiser = await createDenoiser({ model: 'fake' });
    const first = await generate(denoiser, { frames: 16, width: 64, height: 48 });
    expect(Buffer.compare(first.data, (await generate(denoiser, { frames: 16, width: 64, height: 48 })).data)).toBe(0);
    expect(
      Buffer.compare(first.data, (await generate(denoiser, { frames: 16, width: 64, height: 48, seed: 5 })).data),
    ).not.toBe(0);
    expect((await denoiser.describe()).name).toBe('fake');
    await denoiser.close();
    await expect(generate(denoiser)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
