import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import { jobId } from '../../../src/events/ids.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { JobChanged } from '../../../src/events/schemas.js';
import type { Flow, Job } from '../../../src/flow/flow.js';
import { frameAsWebp } from '../../../src/media/images.js';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import type { Denoiser, GenerateCalls, GenerateInput, ModelDescription } from '../../../src/models/ports.js';
import { denoise } from '../../../src/operators/requests/denoise.js';
import { previewKey } from '../../../src/operators/requests/job-progress.js';
import { type KnownJob, noJobs } from '../../../src/stores/jobs/jobs.js';
import { drawFrame, sprite, videoOf } from '../../evaluation/synthetic-world.js';
import { makeVideo, testFolder } from '../../media/make-media.js';
import { patient } from '../../support/patience.js';
import { mediaResources, storedImage } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { only, outcomes, quietLog, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const media = await mediaResources(folder);
const image = await storedImage(media, '#ff0000');

const description: ModelDescription = {
  ...{ name: 'scripted', weights: 'e'.repeat(64), backend: 'none', parameters: 0, sampler: 'none' },
  defaults: { frames: 4, width: 16, height: 8, fps: 8, steps: 50, guidance: { text: 3, image: 2 } },
  limits: { frames: 8, width: 32, height: 32, images: 3 },
  multiple: 8,
};

/** A model that writes down what it was asked and makes grey frames; each step lasts as long as `step` says. */
function scripted({ step = () => {} }: { step?(done: number): unknown } = {}) {
  const asked: GenerateInput[] = [];
  const denoiser: Denoiser = {
    describe: async () => description,
    async generate(input, { signal, onStep }) {
      asked.push(input);
      for (let done = 1; done <= input.steps; done++) {
        signal.throwIfAborted();
        await step(done);
        onStep?.(done, input.steps);
      }
      const { frames, width, height } = input;
      const video = { frames, width, height, data: new Uint8Array(frames * width * height * 3).fill(127) };
      return { video, seconds: 1.5 };
    },
    close: async () => {},
  };
  return { denoiser, asked };
}

const flow = (job: Partial<Job> = {}, shown = image): Flow => ({
  job: { id: 'job-1', request: { source: '/shop', id: 'order-66' }, seed: 7, ...job },
  prompt: {
    task: 'text-to-video',
    instruction: 'Make a video.',
    parts: [{ text: 'a red square' }, { image: shown, role: 'reference' }, { text: 'a fox' }],
  },
});
const given = (denoiser: Denoiser, other: object = {}) =>
  resourcesWith({ objects: media.objects, models: only(denoiser), ...other });
const input = { schema: 'generation.requested', topic: 'requests' } as const;

describeOperator(denoise, {
  resources: () => given(scripted().denoiser),
  good: () => flow(),
  bad: () => ({ flow: flow({}, { ...image, key: 'images/missing.webp' }), code: 'OBJECT_NOT_FOUND' }),
  input,
});

describe('denoise', patient, () => {
  it('gives the model the next job when one is at its last step, and as many at once as the model says', async () => {
    for (const [places, concurrency] of [
      [1, undefined],
      [3, 7],
    ] as const) {
      const { denoiser } = scripted();
      let [open, most] = [0, 0];
      const told: (number | undefined)[] = [];
      const counted: Denoiser = {
        ...denoiser,
        atOnce(asked) {
          told.push(asked);
          return places;
        },
        async generate(input, calls) {
          most = Math.max(most, ++open);
          await setImmediate();
          calls.onLast?.();
          open--;
          await setImmediate();
          return denoiser.generate(input, calls);
        },
      };
      const jobs = ['1', '2', '3', '4', '5'].map((id) => flow({ id, steps: 1 }));
      const run = await runOperator(denoise, concurrency ? { concurrency } : {}, given(counted), jobs);
      expect(outcomes(run)).toEqual(Array(5).fill('delivered'));
      expect(most).toBe(places);
      expect(new Set(told)).toEqual(new Set([concurrency]));
    }
  });

  it('hands on what makes a video in fewer evaluations, and its record says so', async () => {
    const { denoiser, asked } = scripted();
    const config = { steps: 1, reuse: 0.1, guided: { high: 10 } };
    const run = await runOperator(denoise, config, given(denoiser), [flow()]);
    expect(asked[0]).toMatchObject({ reuse: 0.1, guided: { low: 0, high: 10 } });
    expect(run.emitted[0]!.data.frames!.sampler).toMatchObject({ reuse: 0.1, guided: { low: 0, high: 10 } });
    expect(denoise.config.safeParse({ guided: { low: 10, high: 1 } }).success).toBe(false);
  });

  it('takes settings from the request, then the step, then the model', async () => {
    const { denoiser, asked } = scripted();
    const config = { steps: 5, guidance: { text: 6, image: 1.5 } };
    const run = await runOperator(denoise, config, given(denoiser), [
      flow(),
      flow({ steps: 2, frames: 3, fps: 24, width: 32, guidance: { text: 1 } }),
    ]);
    asked.sort((a, b) => b.frames - a.frames);
    expect(asked[0]).toMatchObject({ frames: 4, width: 16, height: 8, fps: 8, steps: 5, seed: 7 });
    expect(asked[0]!.guidance).toEqual({ text: 6, image: 1.5 });
    expect(asked[1]).toMatchObject({ frames: 3, width: 32, height: 8, fps: 24, steps: 2 });
    expect(asked[1]!.guidance).toEqual({ text: 1, image: 1.5 });
    const made = run.emitted.map(({ data }) => data.frames!).sort((a, b) => b.video.frames - a.video.frames);
    expect(made[0]).toMatchObject({
      fps: 8,
      model: { name: 'scripted', weights: 'e'.repeat(64), backend: 'none' },
      sampler: { name: 'none', steps: 5, guidance: { text: 6, image: 1.5 }, seed: 7 },
      video: { frames: 4, width: 16, height: 8 },
    });
  });

  it('[kind 13] names the words of the prompt that the model was not trained with', async () => {
    const { denoiser } = scripted();
    const words = ['a', 'red', 'square'];
    const knowing = { ...denoiser, describe: async () => ({ ...description, words }) };
    const [known] = (await runOperator(denoise, {}, given(knowing), [flow()])).emitted;
    expect(known!.data.frames!.unknownWords).toEqual(['fox']);
    const [unknown] = (await runOperator(denoise, {}, given(denoiser), [flow()])).emitted;
    expect(unknown!.data.frames).not.toHaveProperty('unknownWords');
  });

  it('gives the model its own settings and the prompt in its order, with pixels for images', async () => {
    const { denoiser, asked } = scripted();
    await runOperator(denoise, {}, given(denoiser), [flow()]);
    // What neither the request nor the step says is the model's own.
    expect(asked[0]).toMatchObject({ steps: 50, guidance: { text: 3, image: 2 } });
    const [first, second, third] = asked[0]!.prompt.parts;
    expect([first, third]).toEqual([{ text: 'a red square' }, { text: 'a fox' }]);
    expect(second).toMatchObject({ role: 'reference', pixels: { width: 8, height: 8 } });
    expect([...(second as { pixels: { data: Uint8Array } }).pixels.data.subarray(0, 3)]).toEqual([255, 0, 0]);
  });

  it('leaves out clips, which no model reads, and says so: in the result, and once in the log', async () => {
    const clip = { key: 'clips/none.mp4', size: 9, sha256: 'c'.repeat(64), media_type: 'video/mp4' };
    const { denoiser, asked } = scripted();
    const plain = flow();
    const motion = {
      clip: { ...clip, frames: 24, fps: 12, seconds: 2 },
      caption: 'a dog runs',
      role: 'motion' as const,
    };
    const [first, ...others] = plain.prompt!.parts;
    const moving = { ...plain, prompt: { ...plain.prompt!, parts: [first!, motion, ...others] } };
    const told: object[] = [];
    const log = { ...quietLog, warn: (fields: object) => told.push(fields) };
    const { emitted } = await runOperator(denoise, {}, given(denoiser, { log }), [plain, moving, moving]);
    const made = emitted.map(({ data }) => data.frames!.unreadParts);
    expect(made.filter((one) => one === undefined)).toHaveLength(1);
    expect(made.filter(Boolean)).toEqual([[1], [1]]);
    expect(asked.map(({ prompt }) => prompt)).toEqual([asked[0]!.prompt, asked[0]!.prompt, asked[0]!.prompt]);
    expect(told).toEqual([expect.objectContaining({ model: 'scripted' })]);
  });

  it('trusts no image whose bytes are not the promised ones', async () => {
    const run = await runOperator(denoise, {}, given(scripted().denoiser), [
      flow({}, { ...image, sha256: '0'.repeat(64) }),
    ]);
    expect(outcomes(run)).toEqual(['OBJECT_DAMAGED']);
  });

  it('lets each step have the model that it names [use U17]', async () => {
    const asked: string[] = [];
    const models = {
      all: () => [],
      of({ model }: { model: string }) {
        asked.push(model);
        return { ...scripted().denoiser, describe: async () => ({ ...description, name: model }) };
      },
    };
    const made = async (model: string) => {
      const run = await runOperator(denoise, { model }, given(scripted().denoiser, { models }), [flow()]);
      return run.emitted[0]!.data.frames!.model.name;
    };
    expect([await made('nano'), await made('other.safetensors')]).toEqual(['nano', 'other.safetensors']);
    expect(asked).toEqual(['nano', 'other.safetensors']);
  });

  it('tells what the generation took, not what it waited [streams F16] [streams F18]', async () => {
    // A clock that is set back an hour while the model works.
    let now = 7_200_000;
    const clock: Clock = { now: () => now, elapsed: () => 0, sleep: async () => {} };
    const { denoiser } = scripted({ step: () => (now -= 3_600_000) });
    const run = await runOperator(denoise, { steps: 1 }, given(denoiser, { clock }), [flow()]);
    expect(run.emitted[0]!.data.frames!.seconds).toBe(1.5);
  });

  it('is in progress from the first step on, then at most once a second, in order and before it is done [streams F17] [streams F18]', async () => {
    let now = 0;
    // The wall clock goes backwards: progress goes on.
    const clock: Clock = { now: () => -now, elapsed: () => now, sleep: async () => {} };
    const records: NewRecord[] = [];
    const announce = async (given: NewRecord[]) => void records.push(...given);
    const { denoiser } = scripted({
      async step() {
        // What was told before is published.
        await setImmediate();
        now += 300;
      },
    });
    await runOperator(denoise, { steps: 10 }, given(denoiser, { clock, announce }), [flow()], input);
    const events = records.map((record) =>
      decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['job.changed']),
    );
    const changes = events.map(({ data }) => data as JobChanged);
    const id = jobId('test', { source: '/test/requests', id: 'requests-0-0' });
    expect(changes.map(({ job, state, progress }) => [job, state, progress])).toEqual([
      [id, 'in_progress', 0.1],
      [id, 'in_progress', 0.5],
      [id, 'in_progress', 0.9],
    ]);
    expect(records.every(({ topic, key }) => topic === 'jobs' && key?.toString() === id)).toBe(true);
    expect(new Set(events.map(({ id }) => id)).size).toBe(3);
  });

  it('tells what it draws from, and shows how far it is', async () => {
    let now = 0;
    const clock: Clock = { now: () => now, elapsed: () => now, sleep: async () => {} };
    const told: JobChanged[] = [];
    const seen: (string | undefined)[] = [];
    const { objects } = media;
    const key = previewKey(jobId('test', { source: '/test/requests', id: 'requests-0-0' }));
    const announce = async (records: NewRecord[]) => {
      for (const record of records) {
        const { data } = decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['job.changed']);
        told.push(data as JobChanged);
        seen.push((await objects.stat(key))?.sha256);
      }
    };
    const grey = (v: number) => ({ width: 16, height: 8, data: new Uint8Array(16 * 8 * 3).fill(v) });
    const denoiser: Denoiser = {
      describe: async () => description,
      async generate({ frames, width, height }, { onStep, onPreview }) {
        for (const [n, value] of [40, 80, 120].entries()) {
          now += 600;
          onPreview?.(grey(value));
          onStep?.(n + 1, 3);
          // What is told each second is published by then: queued, then steps 1 and 3.
          await vi.waitFor(() => expect(told).toHaveLength(n === 2 ? 3 : 2), patient);
        }
        return { video: { frames, width, height, data: new Uint8Array(frames * width * height * 3) }, seconds: 1 };
      },
      close: async () => {},
    };
    const entry = { document: 'd'.repeat(64), caption: 'a red square', image, score: 0.03, ranks: { lexical: 1 } };
    const corpus = { documents: 1, digest: 'd'.repeat(32) };
    const grounded = { ...flow(), context: { entries: [entry], nearDuplicates: [], corpus } };
    const jobs = { ...noJobs, known: (job: string) => ({ job, state: 'queued' }) as KnownJob };
    const run = await runOperator(denoise, {}, given(denoiser, { clock, announce, jobs }), [grounded], input);
    expect(outcomes(run)).toEqual(['delivered']);
    const context = [
      { document: entry.document, caption: 'a red square', kind: 'image', score: 0.03, ranks: { lexical: 1 } },
    ];
    expect(told.map(({ state, progress, context: given }) => [state, progress, given])).toEqual([
      ['queued', undefined, context],
      ['in_progress', 1 / 3, context],
      ['in_progress', 1, context],
    ]);
    // Each record names the preview that was there when it was published.
    expect(seen).toEqual(told.map(({ preview }) => preview?.sha256));
    expect([seen[0], new Set(seen).size]).toEqual([undefined, 3]);
    expect(told[2]!.preview).toMatchObject({ key, media_type: 'image/webp' });
  });

  it('does not put a job back in line that is drawn again', async () => {
    const told: JobChanged[] = [];
    const announce = async (records: NewRecord[]) => {
      for (const record of records)
        told.push(
          decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['job.changed']).data as JobChanged,
        );
    };
    const jobs = { ...noJobs, known: (job: string) => ({ job, request: {}, state: 'in_progress' }) as KnownJob };
    const context = {
      entries: [{ document: 'd'.repeat(64), caption: 'a red square', image, score: 1, ranks: {} }],
      ...{ nearDuplicates: [], corpus: { documents: 1, digest: 'd'.repeat(32) } },
    };
    await runOperator(denoise, {}, given(scripted().denoiser, { announce, jobs }), [{ ...flow(), context }], input);
    expect(told.map(({ state }) => state)).not.toContain('queued');
  });

  it('piles nothing up where the log is slow: what is newest is told next', async () => {
    let now = 0;
    const clock: Clock = { now: () => now, elapsed: () => now, sleep: async () => {} };
    const told: (number | undefined)[] = [];
    let goOn = () => {};
    const slow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const announce = async ([record]: NewRecord[]) => {
      const { data } = decodeEvent({ ...record!, partition: 0, offset: 0, timestamp: 0 }, ['job.changed']);
      told.push((data as JobChanged).progress);
      await slow;
    };
    const { denoiser } = scripted({
      async step(done) {
        await setImmediate();
        now += 5000;
        if (done === 10) goOn();
      },
    });
    const run = await runOperator(denoise, { steps: 10 }, given(denoiser, { clock, announce }), [flow()], input);
    expect(outcomes(run)).toEqual(['delivered']);
    expect(told[0]).toBe(0.1);
    expect(told.at(-1)).toBe(1);
    expect(told.length).toBeLessThanOrEqual(3);
  });

  it('goes on while progress cannot be announced, and warns once until it can again', async () => {
    let now = 0;
    const clock: Clock = { now: () => 0, elapsed: () => now, sleep: async () => {} };
    let tries = 0;
    const announce = async () => {
      tries++;
      if (now < 5_000 || now > 7_000) throw new Error('the topic is gone');
    };
    const logged: string[] = [];
    const log = {
      ...quietLog,
      info: (_: object, text: string) => void logged.push(text),
      warn: (_: object, text: string) => void logged.push(text),
    };
    const step = async () => {
      now += 1_000;
      await setImmediate();
    };
    const { denoiser } = scripted({ step });
    const run = await runOperator(denoise, { steps: 10 }, given(denoiser, { clock, announce, log }), [flow()]);
    expect(outcomes(run)).toEqual(['delivered']);
    expect(tries).toBe(10);
    expect(logged).toEqual([
      'Progress cannot be published for now; the job continues',
      'Progress is published again',
      'Progress cannot be published for now; the job continues',
    ]);
  });

  it('ends at the next step when its job is cancelled', async () => {
    const { VimiError } = await import('../../../src/core/errors.js');
    const stop = new AbortController();
    const { denoiser } = scripted({
      step: (done) => done === 2 && stop.abort(new VimiError('CANCELLED', 'The test cancelled it')),
    });
    const run = await runOperator(denoise, {}, given(denoiser), [flow()], { ...input, signal: stop.signal });
    expect(run.settlements[0]!.outcome).toEqual({ kind: 'dropped', reason: 'cancelled' });
    expect(run.emitted).toEqual([]);
  });

  it('spends nothing of the model on a request that expired while its images were read', async () => {
    const { VimiError } = await import('../../../src/core/errors.js');
    const expired = new VimiError('REQUEST_EXPIRED', 'The start_by of this request has passed');
    const stop = new AbortController();
    const { denoiser, asked } = scripted();
    const objects = {
      ...media.objects,
      get: (...given: Parameters<typeof media.objects.get>) => {
        stop.abort(expired);
        return media.objects.get(...given);
      },
    };
    const fresh = await storedImage(media, '#00ff7f');
    const resources = given(denoiser, { objects });
    const run = await runOperator(denoise, {}, resources, [flow({}, fresh)], { ...input, signal: stop.signal });
    expect(run.settlements[0]!.outcome).toMatchObject({ kind: 'rejected', error: expired });
    expect(asked).toEqual([]);
  });

  it('says when it began, with each step and in what it made; after a crash, when it began first', async () => {
    let now = Date.parse('2026-11-23T12:00:00Z');
    const clock: Clock = { now: () => now, elapsed: () => 0, sleep: async () => {} };
    const told: KnownJob[] = [];
    const announce = async (records: NewRecord[]) => {
      for (const one of records)
        told.push(decodeEvent({ partition: 0, offset: 0, timestamp: 0, ...one }, ['job.changed']).data as KnownJob);
    };
    const began = '2026-11-23T12:00:00.000Z';
    const first = await runOperator(denoise, {}, given(scripted().denoiser, { clock, announce }), [flow()], input);
    expect(first.emitted[0]!.data.frames!.started).toBe(began);
    expect(told).toMatchObject([{ state: 'in_progress', started_at: began }]);
    now += 60_000;
    const [before] = told.splice(0);
    const again = given(scripted().denoiser, { clock, announce, jobs: { ...noJobs, known: () => before } });
    expect((await runOperator(denoise, {}, again, [flow()], input)).emitted[0]!.data.frames!.started).toBe(began);
    expect(told).toMatchObject([{ started_at: began }]);
    // Of another record that asks for the same after a failure.
    const other = { ...before!, request: { ...before!.request, record: 'requests-0-99@0' } };
    const anew = given(scripted().denoiser, { clock, announce, jobs: { ...noJobs, known: () => other } });
    const [made] = (await runOperator(denoise, {}, anew, [flow()], input)).emitted;
    expect(made!.data.frames!.started).toBe('2026-11-23T12:01:00.000Z');
  });

  it('ends at the next step when the deadline passes [streams F5]', async () => {
    const { VimiError } = await import('../../../src/core/errors.js');
    const expired = new VimiError('REQUEST_EXPIRED', 'The deadline of this request has passed');
    const stop = new AbortController();
    let last = 0;
    const { denoiser } = scripted({
      step(done) {
        last = done;
        if (done === 2) stop.abort(expired);
      },
    });
    const run = await runOperator(denoise, {}, given(denoiser), [flow()], { ...input, signal: stop.signal });
    expect(run.settlements[0]!.outcome).toMatchObject({ kind: 'rejected', error: expired, step: 'denoise' });
    expect(last).toBe(2);
  });
});

describe('motion_start', patient, () => {
  const clipOf = async () => {
    const bytes = await readFile(await makeVideo(folder, 'way.mp4', { width: 64, height: 64, scenes: [24] }));
    const stored = await media.objects.put('clips/way.mp4', bytes, { mediaType: 'video/mp4' });
    return { ...stored, frames: 24, fps: 12, seconds: 2 };
  };
  const withClip = async (): Promise<Flow> => {
    const { job, prompt } = flow({ steps: 1 });
    const parts = [{ clip: await clipOf(), caption: 'a square goes right', role: 'motion' as const }, ...prompt!.parts];
    return { job, prompt: { ...prompt!, parts } };
  };

  it('gives the model the clip of the prompt in its own size, all of it in as many frames', async () => {
    const { denoiser, asked } = scripted();
    const run = await runOperator(denoise, { motion_start: 10 }, given(denoiser, { workDir: media.workDir }), [
      await withClip(),
    ]);
    const { frames } = run.emitted[0]!.data;
    expect(frames?.sampler.motion_start).toBe(10);
    expect(frames?.unreadParts).toBeUndefined();
    const { start } = asked[0]!;
    expect(start).toMatchObject({ level: 10, video: { frames: 4, width: 32, height: 32 } });
    // White and 6 of 32 pixels wide; it goes 3 pixels from frame to frame: six frames of the clip.
    const middles = [0, 1, 2, 3].map((t) => {
      const row = [...start!.video.data.subarray((t * 32 + 7) * 32 * 3, (t * 32 + 8) * 32 * 3)];
      const white = Array.from({ length: 32 }, (_, x) => x).filter((x) => row[x * 3 + 2]! > 200);
      return white.reduce((sum, x) => sum + x, 0) / white.length;
    });
    for (let t = 1; t < 4; t++) expect(middles[t]! - middles[t - 1]!).toBeCloseTo(6, 0);
  });

  it('is noise alone where the prompt has no clip, and where it is not asked for; then the clip is not read', async () => {
    const { denoiser, asked } = scripted();
    await runOperator(denoise, { motion_start: 10 }, given(denoiser, { workDir: media.workDir }), [flow({ steps: 1 })]);
    const run = await runOperator(denoise, {}, given(denoiser, { workDir: media.workDir }), [await withClip()]);
    expect(asked.map(({ start }) => start)).toEqual([undefined, undefined]);
    expect(run.emitted[0]!.data.frames).toMatchObject({ unreadParts: [0] });
    expect(run.emitted[0]!.data.frames?.sampler).not.toHaveProperty('motion_start');
  });
});

describe('candidates', patient, () => {
  const subject = async () => {
    const drawn = drawFrame([{ sprite: sprite(3), pose: { x: 16, y: 16, size: 28, angle: 0 } }], [255, 255, 255]);
    const webp = await frameAsWebp({ width: 32, height: 32, data: Uint8Array.from(drawn) });
    return media.objects.put('images/subject.webp', webp, { mediaType: 'image/webp' });
  };
  /** Seed 9 draws what the reference shows; every other seed another subject. */
  const bySeed = () => {
    const { denoiser, asked } = scripted();
    return {
      asked,
      denoiser: {
        ...denoiser,
        async generate(input: GenerateInput, calls: GenerateCalls) {
          const { seconds } = await denoiser.generate({ ...input, steps: input.draft ?? input.steps }, calls);
          asked.splice(-1, 1, input);
          const pose = { x: 12, y: 16, size: 16, angle: 0 };
          const frame = drawFrame([{ sprite: sprite(input.seed === 9 ? 3 : 8), pose }], [90, 160, 90]);
          return { video: videoOf([frame, frame, frame, frame]), seconds };
        },
      },
    };
  };

  it('draws drafts of as many seeds, and finishes the one that fits the images best', async () => {
    const { denoiser, asked } = bySeed();
    const shown = await subject();
    const { emitted } = await runOperator(denoise, {}, given(denoiser, { embedder: createEmbedder() }), [
      flow({ candidates: 4 }, shown),
    ]);
    const { frames } = emitted[0]!.data;
    expect(asked.map(({ seed, draft }) => [seed, draft])).toEqual([
      ...[7, 8, 9, 10].map((seed) => [seed, 20]),
      [9, undefined],
    ]);
    expect(frames?.sampler.seed).toBe(9);
    expect(frames?.candidates).toMatchObject({ steps: 20, encoder: createEmbedder().name, chosen: 9 });
    const scores = frames!.candidates!.scored.map(({ score }) => score);
    expect(scores.indexOf(Math.max(...scores))).toBe(2);
    // Five generations of 1.5 s.
    expect(frames?.seconds).toBe(7.5);
  });
});
