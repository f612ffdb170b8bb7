import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { from, lastValueFrom, tap } from 'rxjs';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import { encodeEvent } from '../../../src/events/cloudevents.js';
import { jobId } from '../../../src/events/ids.js';
import type { NewRecord } from '../../../src/events/record.js';
import { type GenerationRequested, generationRequested } from '../../../src/events/schemas.js';
import type { Outcome } from '../../../src/flow/envelope.js';
import { mapEach } from '../../../src/flow/map-each.js';
import type { Resources } from '../../../src/flow/operator.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { admit } from '../../../src/operators/requests/admit.js';
import { type KnownJob, noJobs } from '../../../src/stores/jobs/jobs.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { makeVideo } from '../../media/make-media.js';
import { patient } from '../../support/patience.js';
import { fileStore, folder, imageFile } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import { only, openOperator, outcomes, resourcesWith, runOperator, testEnvelope } from '../run-operator.js';

let objects: ObjectStore;
let root: string;
beforeAll(async () => {
  objects = await fileStore();
  root = folder();
});

const noon = Date.parse('2026-11-23T12:00:00Z');
/** Sleeps until it is woken. */
const stoodStill: Clock = {
  now: () => noon,
  elapsed: () => 0,
  sleep: (_, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
};
const resources = (other: Partial<Resources> = {}): Resources =>
  resourcesWith({
    objects,
    mediaRoots: [root],
    workDir: join(root, 'work'),
    clock: stoodStill,
    ...other,
  });
const request = (changes: Partial<GenerationRequested>): GenerationRequested =>
  generationRequested.parse({ prompt: 'a fox runs', ...changes });
const input = { schema: 'generation.requested', topic: 'requests' } as const;

async function admitted(changes: Partial<GenerationRequested>, config = {}, other: Partial<Resources> = {}) {
  const run = await runOperator(admit, config, resources(other), [{ request: request(changes) }], input);
  expect(outcomes(run)).toEqual(['delivered']);
  const { job, query } = run.emitted[0]!.data;
  return { job: job!, query: query!, run };
}

async function refused(changes: Partial<GenerationRequested>, config = {}): Promise<string> {
  const run = await runOperator(admit, config, resources(), [{ request: request(changes) }], input);
  expect(run.emitted).toEqual([]);
  return outcomes(run)[0]!;
}

const base64 = async (bytes: Promise<Buffer> | Buffer) => ({ base64: (await bytes).toString('base64') });

describeOperator(admit, {
  resources: () => resources(),
  good: () => ({ request: request({}) }),
  bad: () => ({ flow: { request: request({ prompt: ' \n ' }) }, code: 'PROMPT_EMPTY' }),
  input,
});

describe('admit', () => {
  it('makes a job of a bare prompt', async () => {
    const { job, query } = await admitted({ prompt: '  a fox\n runs ' });
    expect(job.id).toBe(jobId('test', { source: '/test/requests', id: 'requests-0-0' }));
    expect(job.request).toEqual({ source: '/test/requests', id: 'requests-0-0' });
    expect(Number.isInteger(job.seed) && job.seed >= 0 && job.seed < 2 ** 32).toBe(true);
    expect(query).toEqual({
      task: 'text-to-video',
      parts: [{ text: 'a fox runs' }],
      text: 'a fox runs',
      retrieval: undefined,
      self: {},
    });
  });

  it('takes the seed from the event id, so that a redo has the same and another request another', async () => {
    const run = await runOperator(admit, {}, resources(), [{ request: request({}) }, { request: request({}) }], input);
    const seeds = run.emitted.map(({ data }) => data.job!.seed);
    expect(seeds[0]).not.toBe(seeds[1]);
    expect((await admitted({})).job.seed).toBe(seeds[0]);
    expect((await admitted({ seed: 7 })).job.seed).toBe(7);
  });

  it('carries on what the request asks for', async () => {
    const asked = { frames: 16, width: 64, height: 32, fps: 8, steps: 10 };
    expect((await admitted({ ...asked, guidance: 3 })).job).toMatchObject({
      ...asked,
      guidance: { text: 3, image: 3 },
    });
    expect((await admitted({ guidance: { image: 2 } })).job.guidance).toEqual({ image: 2 });
    expect((await admitted({ retrieval: false })).query.retrieval).toBe(false);
  });

  it.each([
    ['no text', { prompt: '' }, 'PROMPT_EMPTY'],
    ['no parts', { prompt: [] }, 'PROMPT_EMPTY'],
    ['only what nobody sees', { prompt: '\u200b\u2060 \ufe0f\u0000' }, 'PROMPT_EMPTY'],
    ['a NUL', { prompt: 'a fox\u0000 runs' }, 'EVENT_INVALID'],
    ['what a terminal obeys', { prompt: [{ text: 'a fox' }, { text: '\u001b[2J' }] }, 'EVENT_INVALID'],
    ['half a surrogate pair', { prompt: 'a fox \ud83e' }, 'EVENT_INVALID'],
    ['100 kB', { prompt: 'x'.repeat(100_000) }, 'PROMPT_TOO_LONG'],
    [
      'ten parts of 401 characters [safety S14]',
      { prompt: Array.from({ length: 10 }, () => ({ text: 'x'.repeat(401) })) },
      'PROMPT_TOO_LONG',
    ],
    ['too many frames', { frames: 65 }, 'REQUEST_OVER_LIMIT'],
    ['too wide', { width: 513 }, 'REQUEST_OVER_LIMIT'],
    ['too high', { height: 513 }, 'REQUEST_OVER_LIMIT'],
    ['too many steps', { steps: 251 }, 'REQUEST_OVER_LIMIT'],
    ['a finish_by that passed', { finish_by: '2026-11-23T11:59:59Z' }, 'REQUEST_EXPIRED'],
    [
      'a start_by that passed',
      { start_by: '2026-11-23T11:59:59Z', finish_by: '2099-01-01T00:00:00Z' },
      'REQUEST_EXPIRED',
    ],
    ['a task without its image', { task: 'prediction' }, 'EVENT_INVALID'],
    [
      'two first frames [kind 13]',
      { prompt: [1, 2].map(() => ({ image: { base64: 'AAAA' }, role: 'first-frame' as const })) },
      'EVENT_INVALID',
    ],
    [
      'words for a first frame',
      { prompt: [{ image: { base64: 'AAAA' }, role: 'first-frame', entity: 'fox' }, { text: 'runs' }] },
      'EVENT_INVALID',
    ],
    [
      'words for what the task makes a first frame',
      { task: 'prediction', prompt: [{ image: { base64: 'AAAA' }, entity: 'fox' }] },
      'EVENT_INVALID',
    ],
    ['control characters in them', { prompt: [{ image: { base64: 'AAAA' }, entity: 'a\u001b[2J' }] }, 'EVENT_INVALID'],
  ] as const)('rejects %s', async (_, changes, code) => {
    expect(await refused(changes as Partial<GenerationRequested>)).toBe(code);
  });

  it.each([
    ['frames', { frames: 9 }, 'frames: 1 to 8, found 9'],
    ['width', { width: 64 }, 'width: a multiple of 4, at most 32, found 64'],
    ['a side between', { height: 30 }, 'height: a multiple of 4, at most 32, found 30'],
    ['fps', { fps: 0.01 }, 'fps: 0.1 to 1000, found 0.01'],
    [
      'images [kind 13]',
      { prompt: Array.from({ length: 4 }, () => ({ image: { base64: 'AAAA' } })) },
      'images: at most 3, found 4',
    ],
  ])('knows at once what the model cannot make: %s [streams F23]', async (_, changes, text) => {
    const description = {
      ...{ name: 'small', weights: 'e'.repeat(64), backend: 'none', parameters: 0, sampler: 'none' },
      defaults: { frames: 4, width: 16, height: 8, fps: 8, steps: 50, guidance: { text: 3, image: 2 } },
      ...{ limits: { frames: 8, width: 32, height: 32, images: 3 }, multiple: 4 },
    };
    const small = only({
      describe: async () => description,
      generate: () => Promise.reject(new Error('nothing is made here')),
      close: async () => {},
    });
    const given = { ...resources(), objects, models: small };
    const run = await runOperator(admit, {}, resourcesWith(given), [{ request: request(changes) }], input);
    const [{ outcome }] = run.settlements as [Settlement];
    expect(outcome).toMatchObject({ kind: 'rejected', error: { code: 'REQUEST_OVER_LIMIT' } });
    expect(outcome.kind === 'rejected' && outcome.error.message).toContain(text);
  });

  it('rejects a request whose deadline passes while a later step has it [streams F5]', async () => {
    let now = noon;
    const sleepers: (() => void)[] = [];
    const clock: Clock = {
      ...stoodStill,
      now: () => now,
      sleep: (_, signal) =>
        new Promise((resolve) => {
          sleepers.push(resolve);
          signal?.addEventListener('abort', () => resolve());
        }),
    };
    const given = resourcesWith({ objects, mediaRoots: [root], clock });
    const instance = await openOperator(admit, {}, given);
    const [first, second] = ['12:00:40', '12:00:10'].map((time) => ({
      request: request({ finish_by: `2026-11-23T${time}Z` }),
    }));
    let admittedCount = 0;
    const settled: Settlement[] = [];
    const onSettled = (settlement: Settlement) => {
      settled.push(settlement);
      instance.onOutcome!(settlement);
    };
    const envelopes = [first!, second!].map((flow, n) => testEnvelope(flow, n, onSettled, input));
    // One place only: the second waits behind the first, which never ends by itself.
    const slow = mapEach<'job'>(
      (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
      {
        ...{ step: 'slow', concurrency: 1, clock },
      },
    );
    const done = lastValueFrom(slow(instance.step(from(envelopes)).pipe(tap(() => admittedCount++))), {
      defaultValue: undefined,
    });
    const wakeAt = async (moment: number) => {
      await vi.waitUntil(() => admittedCount === 2 && sleepers.length === 2 - settled.length, patient);
      now = noon + moment;
      for (const wake of sleepers.splice(0)) wake();
    };
    await wakeAt(10_001);
    await vi.waitUntil(() => settled.length === 1, patient);
    await wakeAt(40_001);
    await done;
    expect(settled.map(({ event, outcome }) => [event.id, outcome.kind === 'rejected' && outcome.error.code])).toEqual([
      ['requests-0-1', 'REQUEST_EXPIRED'],
      ['requests-0-0', 'REQUEST_EXPIRED'],
    ]);
    expect(settled.every(({ outcome }) => outcome.kind === 'rejected' && outcome.step === 'slow')).toBe(true);
  });

  it('ends a request that has not begun by its start_by, and lets one that has go on until its finish_by', async () => {
    const clock = new VirtualClock(noon);
    const instance = await openOperator(admit, {}, resourcesWith({ objects, mediaRoots: [root], clock }));
    const settled: Record<string, string> = {};
    const onSettled = (settlement: Settlement) => {
      const { event, outcome } = settlement;
      settled[event.id] = outcome.kind === 'rejected' ? outcome.error.message : outcome.kind;
      instance.onOutcome!(settlement);
    };
    const times = { start_by: '2026-11-23T12:00:10Z', finish_by: '2026-11-23T12:00:40Z' };
    const envelopes = [0, 1].map((n) => testEnvelope({ request: request(times) }, n, onSettled, input));
    let begun = 0;
    const slow = mapEach<'job'>(
      (_, envelope) => {
        begun++;
        envelope.begin();
        return new Promise((_resolve, reject) => envelope.signal.addEventListener('abort', reject));
      },
      { step: 'slow', concurrency: 1, clock },
    );
    let admittedCount = 0;
    const done = lastValueFrom(slow(instance.step(from(envelopes)).pipe(tap(() => admittedCount++))), {
      defaultValue: undefined,
    });
    await vi.waitUntil(() => admittedCount === 2, patient);
    await clock.advance(10_001);
    expect(settled).toEqual({ 'requests-0-1': expect.stringContaining('The start_by of this request has passed') });
    await clock.advance(30_000);
    await done;
    expect(settled['requests-0-0']).toContain('The finish_by of this request has passed');
    expect(begun).toBe(1);
  });

  it('lets a request go on whose denoising had begun before its process died, although start_by has passed', async () => {
    const started = { state: 'in_progress', started_at: '2026-11-23T11:59:00Z' } as KnownJob;
    const jobs = { ...noJobs, known: () => started };
    const given = resourcesWith({ objects, mediaRoots: [root], clock: stoodStill, jobs });
    const late = { request: request({ start_by: '2026-11-23T11:59:30Z' }) };
    expect((await runOperator(admit, {}, given, [late], input)).emitted).toHaveLength(1);
    const [{ outcome }] = (await runOperator(admit, {}, resources(), [late], input)).settlements as [Settlement];
    expect(outcome).toMatchObject({ kind: 'rejected', error: { code: 'REQUEST_EXPIRED' } });
  });

  it('keeps no timer of a request that has its outcome', async () => {
    const signals: AbortSignal[] = [];
    const clock: Clock = {
      ...stoodStill,
      sleep: (ms, signal) => {
        signals.push(signal!);
        return stoodStill.sleep(ms, signal);
      },
    };
    const given = resourcesWith({ objects, mediaRoots: [root], clock });
    const run = await runOperator(
      admit,
      {},
      given,
      [{ request: request({ finish_by: '2099-01-01T00:00:00Z' }) }],
      input,
    );
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    run.instance.onOutcome!(run.settlements[0]!);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('serves until the deadline, and up to each limit', async () => {
    await admitted({ finish_by: '2026-11-23T12:00:00Z', frames: 64, width: 512, height: 512, steps: 250 });
    await admitted({ prompt: 'x'.repeat(4000) });
    await admitted({ prompt: '🦊'.repeat(4000) });
    await admitted({ prompt: Array.from({ length: 10 }, () => ({ text: 'x'.repeat(400) })) });
  });

  it('takes images in as WebP of at most 512 pixels a side, a first frame as it is, and infers the task', async () => {
    const dog = { image: await base64(imageFile('dog', 'png', 700)) };
    const { query } = await admitted({ prompt: [{ text: 'A ' }, dog, { text: ' is playing.' }] });
    expect(query).toMatchObject({ task: 'subject-driven', text: 'A is playing.' });
    expect(query.parts).toMatchObject([{ text: 'A' }, { role: 'subject' }, { text: 'is playing.' }]);
    const [, part] = query.parts;
    const ref = part && 'image' in part ? part.image : undefined;
    expect(ref?.key).toBe(`images/${ref?.sha256}.webp`);
    const stored = await objects.get(ref!.key, { sha256: ref!.sha256 });
    expect(await sharp(stored).metadata()).toMatchObject({ format: 'webp', width: 512, height: 512 });

    const first = { ...dog, role: 'first-frame' as const };
    const predicted = (await admitted({ prompt: [{ text: 'it runs' }, first] })).query;
    expect(predicted).toMatchObject({ task: 'prediction', parts: [{}, { role: 'first-frame' }] });
    const [, frame] = predicted.parts;
    const kept = await objects.get(frame && 'image' in frame ? frame.image.key : '');
    expect(await sharp(kept).metadata()).toMatchObject({ format: 'webp', width: 700, height: 700 });
    expect((await admitted({ task: 'prediction', prompt: [dog, dog] })).query.parts).toMatchObject([
      { role: 'first-frame' },
      { role: 'subject' },
    ]);
  });

  it('keeps the words that an image stands for beside it, and searches for the others', async () => {
    const dog = { image: await base64(imageFile('dog')), entity: ' the \n dog' };
    const { query } = await admitted({ prompt: [dog, { text: 'is playing' }] });
    expect(query).toMatchObject({ text: 'is playing', parts: [{ role: 'subject', entity: 'the dog' }, {}] });
    const [bare] = (await admitted({ prompt: [{ ...dog, entity: '\u200b' }, { text: 'runs' }] })).query.parts;
    expect(bare).not.toHaveProperty('entity');
  });

  it('reads images under the allowed roots and from the object store', async () => {
    writeFileSync(join(root, 'cat.jpg'), await imageFile('cat', 'jpeg'));
    await objects.put('uploads/cat.png', await imageFile('cat'), { mediaType: 'image/png' });
    await admitted({ prompt: [{ image: { uri: join(root, 'cat.jpg') } }] });
    await admitted({ prompt: [{ image: { uri: 'object:uploads/cat.png' } }] });
  });

  it('rejects images elsewhere', async () => {
    const outside = join(folder(), 'secret.png');
    writeFileSync(outside, await imageFile('secret'));
    symlinkSync(outside, join(root, 'door.png'));
    const by = (uri: string) => refused({ prompt: [{ image: { uri } }] });
    expect(await by(outside)).toBe('MEDIA_FORBIDDEN');
    expect(await by(join(root, 'door.png'))).toBe('MEDIA_FORBIDDEN');
    expect(await by(`${root}/../../../etc/passwd`)).toBe('MEDIA_FORBIDDEN');
    expect(await by('http://127.0.0.1/cat.png')).toBe('MEDIA_FORBIDDEN');
    expect(await by(join(root, 'none.png'))).toBe('MEDIA_NOT_FOUND');
    expect(await by('object:uploads/none.png')).toBe('MEDIA_NOT_FOUND');
    expect(await by('object:../none.png')).toBe('OBJECT_KEY_INVALID');
    expect(await by(root)).toBe('MEDIA_UNSUPPORTED');
  });

  it('rejects damaged, mislabelled, empty and oversized images', async () => {
    const by = async (bytes: Buffer, config = {}) => refused({ prompt: [{ image: await base64(bytes) }] }, config);
    const whole = await imageFile('whole', 'png', 200);
    expect(await by(whole.subarray(0, whole.length >> 1))).toBe('MEDIA_DAMAGED');
    for (const start of ['<svg ', '<svg a="WEBP" '])
      expect(await by(Buffer.from(`${start}xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`)), start).toBe(
        'MEDIA_UNSUPPORTED',
      );
    expect(await by(Buffer.alloc(0))).toBe('MEDIA_EMPTY');
    expect(await by(whole, { max_image_bytes: 10 })).toBe('MEDIA_TOO_LARGE');
    // 200 x 200, which would be decoded with ease.
    expect(await by(whole, { max_image_pixels: 39_999 })).toBe('MEDIA_TOO_LARGE');
    await admitted({ prompt: [{ image: await base64(whole) }] }, { max_image_pixels: 40_000 });
    const huge = Buffer.from(whole);
    huge.writeUInt32BE(30_000, 16);
    huge.writeUInt32BE(30_000, 20);
    // The header's checksum, else the decoder stops before it believes the size.
    huge.writeUInt32BE((await import('node:zlib')).crc32(huge.subarray(12, 29)), 29);
    expect(await by(huge)).toBe('MEDIA_TOO_LARGE');
    const many = Array.from({ length: 9 }, () => ({ image: { uri: 'x' } }));
    expect(await refused({ prompt: many })).toBe('REQUEST_OVER_LIMIT');
  });

  it('takes clips in as motion references; they are no images, and say nothing by themselves', async () => {
    const film = await makeVideo(root, 'film.mp4');
    const part = { clip: { uri: film } };
    const { query } = await admitted({ prompt: [{ text: 'it runs' }, { ...part, caption: ' a  dog runs ' }] });
    expect(query).toMatchObject({ task: 'text-to-video', text: 'it runs' });
    expect(query.parts).toMatchObject([
      { text: 'it runs' },
      { role: 'motion', caption: 'a dog runs', clip: { frames: 24, fps: 12, seconds: 2 } },
    ]);
    expect(await refused({ prompt: [part] })).toBe('PROMPT_EMPTY');
    expect(await refused({ prompt: [{ text: 'x' }, part, part, part] })).toBe('REQUEST_OVER_LIMIT');
    expect(await refused({ prompt: [{ text: 'x' }, part] }, { max_clips: 0 })).toBe('REQUEST_OVER_LIMIT');
    expect(await refused({ prompt: [{ text: 'x' }, part] }, { max_clip_bytes: 100 })).toBe('MEDIA_TOO_LARGE');
    expect(await refused({ prompt: [{ text: 'x' }, part] }, { max_clip_seconds: 1 })).toBe('MEDIA_TOO_LARGE');
    expect(await refused({ prompt: [{ text: 'x' }, { ...part, caption: 'xx' }] }, { max_prompt_characters: 2 })).toBe(
      'PROMPT_TOO_LONG',
    );
    for (const changes of [{ role: 'subject' }, { image: { uri: film } }, { text: 'x' }, { clip: { base64: 'AAAA' } }])
      expect(generationRequested.safeParse({ prompt: [{ ...part, ...changes }] }).success).toBe(false);
  });

  it('keeps how far a job had come, and what it was grounded in, that ends without a video', async () => {
    const job = jobId('test', { source: '/test/requests', id: 'requests-0-0' });
    const request = { source: '/test/requests', id: 'requests-0-0', record: 'requests-0-0@0' };
    const context = [{ document: 'd'.repeat(64), caption: 'a fox', kind: 'image' as const, score: 1, ranks: {} }];
    const known: KnownJob = { job, request, state: 'in_progress', progress: 0.4, context };
    const after = async (outcome: Outcome, before = known) => {
      const { run } = await admitted({}, {}, { jobs: { ...noJobs, known: () => before } });
      const [told] = run.instance.onOutcome!({ ...run.settlements[0]!, outcome, outputs: [] });
      const { progress, context } = JSON.parse(String(told!.value));
      return { progress, context };
    };
    const error = new VimiError('MODEL_CRASHED', 'The model process died');
    const failed: Outcome = { kind: 'rejected', error, step: 'denoise', attempts: 3 };
    expect(await after(failed)).toEqual({ progress: 0.4, context });
    expect(await after({ kind: 'dropped', reason: 'cancelled' })).toEqual({ progress: 0.4, context });
    expect(await after({ kind: 'delivered' })).toEqual({ progress: 1, context: undefined });
    // Of another record, which failed before.
    const other: KnownJob = { ...known, state: 'failed', request: { ...request, record: 'requests-0-9@0' } };
    expect(await after(failed, other)).toEqual({ progress: undefined, context: undefined });
  });

  it('tells in the commit of the outcome what became of the job', async () => {
    const { run } = await admitted({}, { jobs: 'lives' });
    const video = { key: 'videos/1.mp4', size: 3, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
    const job = jobId('test', { source: '/test/requests', id: 'requests-0-0' });
    const request = { source: '/test/requests', id: 'requests-0-0', record: 'requests-0-0@0' };
    const told = (outcome: Outcome, outputs: NewRecord[] = []) => {
      const records = run.instance.onOutcome!({ ...run.settlements[0]!, outcome, outputs });
      expect(records).toMatchObject([{ topic: 'lives', key: Buffer.from(job) }]);
      return JSON.parse(String(records[0]!.value));
    };
    const done = told({ kind: 'delivered' });
    expect(done).toMatchObject({ job, request, state: 'completed', progress: 1 });
    const output = encodeEvent({
      ...{ schema: 'job.changed', id: 'x', source: '/x', topic: 'videos', key: null },
      data: { job, state: 'queued' },
    });
    output.headers.ce_type = Buffer.from('dev.vimi.video.completed.v1');
    output.value = Buffer.from(JSON.stringify({ object: video }));
    expect(told({ kind: 'delivered' }, [output])).toMatchObject({ state: 'completed', video });
    const error = new VimiError('PROMPT_EMPTY', 'This prompt is empty');
    expect(told({ kind: 'rejected', error, step: 'admit', attempts: 1 })).toMatchObject({
      job,
      request,
      state: 'failed',
      error: { code: 'PROMPT_EMPTY', message: error.message },
    });
    const { event } = run.settlements[0]!;
    const cancel = { ...run.settlements[0]!, event: { ...event, schema: 'generation.cancelled' as const } };
    expect(run.instance.onOutcome!(cancel)).toEqual([]);
  });
});
