import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileStore } from '../../src/stores/objects/files.js';
import type { ObjectStore } from '../../src/stores/objects/object-store.js';
import { judge } from '../real/chaos/judge.mjs';

let folder: string;
let objects: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-judge-'));
  objects = await openFileStore(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const codes = ['EVENT_MALFORMED', 'EVENT_INVALID', 'PROMPT_EMPTY', 'MEDIA_NOT_FOUND'];
const put = (key: string) => objects.put(key, Buffer.from(key), { mediaType: 'text/plain' });

/** A run of two requests and three clips in which nothing went wrong. */
async function fineRun() {
  const on = (topic: string, values: object[]) => values.map((value) => ({ topic: `chaos-${topic}`, value }));
  const jobs = ['one', 'two'];
  await put('samples/s.idx');
  return [
    ...on('videos', await Promise.all(jobs.map(async (job) => ({ job, object: await put(`videos/${job}.mp4`) })))),
    ...on('samples', [{ shard: 's', samples: 3, object: await put('samples/s.tar') }]),
    ...on('outcomes', [{ uri: 'one.mp4', outcome: 'delivered', parts: { delivered: 1, rejected: {}, dropped: {} } }]),
    ...on('corpus', [{ id: 'document', image: await put('images/i.webp') }]),
    ...on(
      'jobs',
      [...jobs, 'empty'].flatMap((job) => [
        { job, state: 'queued' },
        { job, state: 'completed' },
      ]),
    ),
    ...on(
      'rejects',
      codes.map((code, offset) => ({
        origin: { topic: 'chaos-media', partition: 0, offset },
        part: '',
        step: 'probe',
        error: { code, message: code },
      })),
    ),
  ];
}

type Records = Awaited<ReturnType<typeof fineRun>>;
const judged = (records: Records) => judge({ records, objects, requests: 2, media: 3 });
const without = (records: Records, topic: string, n = 0) => {
  const one = records.filter((record) => record.topic === `chaos-${topic}`)[n];
  return records.filter((record) => record !== one);
};
const twice = (records: Records, topic: string, n = 0) => [
  ...records,
  records.filter((record) => record.topic === `chaos-${topic}`)[n]!,
];

describe('the judge of a chaos run', () => {
  it('finds nothing wrong where nothing is', async () => {
    expect(await judged(await fineRun())).toMatchObject({ problems: [], lost: 0, doubled: 0, orphans: [] });
  });

  it.each(['videos', 'samples', 'rejects'])('sees that one is missing in %s', async (topic) => {
    const { problems, lost } = await judged(without(await fineRun(), topic));
    expect(problems).not.toEqual([]);
    expect(lost).toBeGreaterThan(0);
  });

  it.each(['videos', 'samples', 'corpus', 'rejects'])('sees that one stands twice in %s', async (topic) => {
    const { problems, doubled } = await judged(twice(await fineRun(), topic));
    expect(problems).not.toEqual([]);
    expect(doubled).toBeGreaterThan(0);
  });

  it('sees a shard without its index', async () => {
    const records = await fineRun();
    await objects.remove('samples/s.idx');
    expect((await judged(records)).problems).toEqual(['samples/s.idx is not beside its shard']);
  });

  it('sees a job that ended twice, or never', async () => {
    expect(await judged(twice(await fineRun(), 'jobs', 1))).toMatchObject({ doubled: 1 });
    expect(await judged(without(await fineRun(), 'jobs', 1))).toMatchObject({ lost: 1 });
  });

  it('takes an end that is said once more, after a late word hid it, for one', async () => {
    const late = (state: string) => ({ topic: 'chaos-jobs', value: { job: 'one', state } });
    const records = await fineRun();
    expect((await judged([...records, late('queued'), late('completed')])).problems).toEqual([]);
    const both = [...records, late('in_progress'), late('completed'), late('completed')];
    expect(await judged(both)).toMatchObject({ problems: [], doubled: 0 });
    expect(await judged([...records, late('queued'), late('failed')])).toMatchObject({ doubled: 1 });
  });

  it('sees an event that was rejected for what passes', async () => {
    const records = await fineRun();
    Object.assign(records.at(-1)!.value, { error: { code: 'STORAGE_UNAVAILABLE', message: 'away' } });
    expect((await judged(records)).problems).toEqual(['chaos-media/0/3 was rejected in probe: away']);
  });

  it('sees a medium that was dropped, and a sample that was left out of its shard', async () => {
    const records = await fineRun();
    const of = (topic: string) => records.find((record) => record.topic === `chaos-${topic}`)!.value;
    Object.assign(of('outcomes'), { parts: { dropped: { duplicate: 1 } }, duplicate_of: 'two.mp4' });
    Object.assign(of('samples'), { lost: 1 });
    expect((await judged(records)).problems).toEqual([
      'one.mp4 was dropped: duplicate of two.mp4',
      '1 left out of s: an object was gone',
    ]);
  });

  it('sees an object that is gone, one that is another, and one that nothing names', async () => {
    const records = await fineRun();
    await objects.remove('videos/one.mp4');
    await objects.put('samples/s.tar', Buffer.from('other'), { mediaType: 'text/plain' });
    await put('images/orphan.webp');
    const { problems, lost, orphans } = await judged(records);
    expect(problems).toEqual(['videos/one.mp4 is named and not there', 'samples/s.tar is not what its event says']);
    expect(lost).toBe(1);
    expect(orphans).toEqual(['images/orphan.webp']);
  });
});
