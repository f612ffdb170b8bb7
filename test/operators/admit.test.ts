import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../src/errors.js';
import { encodeEvent } from '../../src/events/cloudevents.js';
import { jobId } from '../../src/events/ids.js';
import { type GenerationRequested, generationRequested } from '../../src/events/schemas.js';
import { admit } from '../../src/operators/admit.js';
import type { Resources } from '../../src/operators/operator.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import type { Fate } from '../../src/streams/envelope.js';
import type { NewRecord } from '../../src/streams/transport.js';
import { fileStore, folder, pictureFile } from './grounding.js';
import { describeOperator } from './operator-contract.js';
import { fates, resourcesWith, runOperator } from './run-operator.js';

let objects: ObjectStore;
let root: string;
beforeAll(async () => {
  objects = await fileStore();
  root = folder();
});

const noon = Date.parse('2026-11-23T12:00:00Z');
const resources = (): Resources =>
  resourcesWith({
    objects,
    mediaRoots: [root],
    clock: { now: () => noon, sleep: async () => {} },
  });
const request = (changes: Partial<GenerationRequested>): GenerationRequested =>
  generationRequested.parse({ prompt: 'a fox runs', ...changes });
const input = { schema: 'generation.requested', topic: 'requests' } as const;

async function admitted(changes: Partial<GenerationRequested>, config = {}) {
  const run = await runOperator(admit, config, resources(), [{ request: request(changes) }], input);
  expect(fates(run)).toEqual(['delivered']);
  const { job, query } = run.emitted[0]!.data;
  return { job: job!, query: query!, run };
}

async function refused(changes: Partial<GenerationRequested>, config = {}): Promise<string> {
  const run = await runOperator(admit, config, resources(), [{ request: request(changes) }], input);
  expect(run.emitted).toEqual([]);
  return fates(run)[0]!;
}

const base64 = async (bytes: Promise<Buffer> | Buffer) => ({ base64: (await bytes).toString('base64') });

describeOperator(admit, {
  resources,
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
    ['100 kB', { prompt: 'x'.repeat(100_000) }, 'PROMPT_TOO_LONG'],
    [
      '100 kB in parts',
      { prompt: Array.from({ length: 10 }, () => ({ text: 'x'.repeat(10_000) })) },
      'PROMPT_TOO_LONG',
    ],
    ['too many frames', { frames: 65 }, 'REQUEST_OVER_LIMIT'],
    ['too wide', { width: 513 }, 'REQUEST_OVER_LIMIT'],
    ['too high', { height: 513 }, 'REQUEST_OVER_LIMIT'],
    ['too many steps', { steps: 251 }, 'REQUEST_OVER_LIMIT'],
    ['a deadline that passed', { deadline: '2026-11-23T11:59:59Z' }, 'REQUEST_EXPIRED'],
    ['a task without its image', { task: 'prediction' }, 'EVENT_INVALID'],
  ] as const)('rejects %s', async (_, changes, code) => {
    expect(await refused(changes as Partial<GenerationRequested>)).toBe(code);
  });

  it('serves until the deadline, and up to each limit', async () => {
    await admitted({ deadline: '2026-11-23T12:00:00Z', frames: 64, width: 512, height: 512, steps: 250 });
    await admitted({ prompt: 'x'.repeat(4000) });
  });

  it('takes images in as WebP of at most 512 pixels a side, and infers the task', async () => {
    const dog = { image: await base64(pictureFile('dog', 'png', 700)) };
    const { query } = await admitted({ prompt: [{ text: 'A ' }, dog, { text: ' is playing.' }] });
    expect(query).toMatchObject({ task: 'subject-driven', text: 'A is playing.' });
    expect(query.parts).toMatchObject([{ text: 'A' }, { role: 'subject' }, { text: 'is playing.' }]);
    const [, part] = query.parts;
    const ref = part && 'image' in part ? part.image : undefined;
    expect(ref?.key).toBe(`images/${ref?.sha256}.webp`);
    const stored = await objects.get(ref!.key, { sha256: ref!.sha256 });
    expect(await sharp(stored).metadata()).toMatchObject({ format: 'webp', width: 512, height: 512 });

    const first = { ...dog, role: 'first-frame' as const };
    expect((await admitted({ prompt: [{ text: 'it runs' }, first] })).query).toMatchObject({
      task: 'prediction',
      parts: [{}, { role: 'first-frame', image: { key: ref!.key } }],
    });
    expect((await admitted({ task: 'prediction', prompt: [dog, dog] })).query.parts).toMatchObject([
      { role: 'first-frame' },
      { role: 'subject' },
    ]);
  });

  it('reads images under the allowed roots and from the object store', async () => {
    writeFileSync(join(root, 'cat.jpg'), await pictureFile('cat', 'jpeg'));
    await objects.put('uploads/cat.png', await pictureFile('cat'), { mediaType: 'image/png' });
    await admitted({ prompt: [{ image: { uri: join(root, 'cat.jpg') } }] });
    await admitted({ prompt: [{ image: { uri: 'object:uploads/cat.png' } }] });
  });

  it('rejects images elsewhere', async () => {
    const outside = join(folder(), 'secret.png');
    writeFileSync(outside, await pictureFile('secret'));
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
    const whole = await pictureFile('whole', 'png', 200);
    expect(await by(whole.subarray(0, whole.length >> 1))).toBe('MEDIA_DAMAGED');
    for (const start of ['<svg ', '<svg a="WEBP" '])
      expect(await by(Buffer.from(`${start}xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`)), start).toBe(
        'MEDIA_UNSUPPORTED',
      );
    expect(await by(Buffer.alloc(0))).toBe('MEDIA_EMPTY');
    expect(await by(whole, { max_image_bytes: 10 })).toBe('MEDIA_TOO_LARGE');
    const huge = Buffer.from(whole);
    huge.writeUInt32BE(30_000, 16);
    huge.writeUInt32BE(30_000, 20);
    // The header's checksum, else the decoder stops before it believes the size.
    huge.writeUInt32BE((await import('node:zlib')).crc32(huge.subarray(12, 29)), 29);
    expect(await by(huge)).toBe('MEDIA_TOO_LARGE');
    const many = Array.from({ length: 9 }, () => ({ image: { uri: 'x' } }));
    expect(await refused({ prompt: many })).toBe('REQUEST_OVER_LIMIT');
  });

  it('tells in the commit of the fate what became of the job', async () => {
    const { run } = await admitted({}, { jobs: 'lives' });
    const video = { key: 'videos/1.mp4', size: 3, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
    const job = jobId('test', { source: '/test/requests', id: 'requests-0-0' });
    const request = { source: '/test/requests', id: 'requests-0-0', record: 'requests-0-0@0' };
    const told = (fate: Fate, outputs: NewRecord[] = []) => {
      const records = run.instance.onFate!({ ...run.settlements[0]!, fate, outputs });
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
    const error = new VimiError('PROMPT_EMPTY', 'This prompt says nothing');
    expect(told({ kind: 'rejected', error, step: 'admit', attempts: 1 })).toMatchObject({
      job,
      request,
      state: 'failed',
      error: { code: 'PROMPT_EMPTY', message: error.message },
    });
    const { event } = run.settlements[0]!;
    const cancel = { ...run.settlements[0]!, event: { ...event, schema: 'generation.cancelled' as const } };
    expect(run.instance.onFate!(cancel)).toEqual([]);
  });
});
