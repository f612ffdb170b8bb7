import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { from, lastValueFrom, toArray } from 'rxjs';
import { extract } from 'tar-stream';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import type { Outcome } from '../../../src/flow/envelope.js';
import type { Beside, Flow, Product } from '../../../src/flow/flow.js';
import { type Drop, drop, mapEach } from '../../../src/flow/map-each.js';
import type { OffsetMove, OperatorInstance, Resources, Sealed } from '../../../src/flow/operator.js';
import { Pause } from '../../../src/flow/pause.js';
import { openEnvelope } from '../../../src/flow/settlement.js';
import { StepWatch } from '../../../src/flow/step-watch.js';
import { Work } from '../../../src/flow/work.js';
import { readSamples } from '../../../src/models/training/data/samples.js';
import { shard } from '../../../src/operators/corpus/shard.js';
import { split } from '../../../src/operators/media/split.js';
import { KeepList, type LeftOut } from '../../../src/stores/keep-lists/keep-list.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { RemovalTable } from '../../../src/stores/removals/removals.js';
import { runPipeline } from '../../../src/streams/delivery/pipeline.js';
import { decodePosition } from '../../../src/streams/delivery/position.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import type { Transport } from '../../../src/streams/transports/transport.js';
import { makeVideo, testFolder } from '../../media/make-media.js';
import {
  media,
  prepareTopics,
  quietLog,
  readAll,
  spec,
  testOperator,
} from '../../streams/delivery/pipeline-fixtures.js';
import { patient } from '../../support/patience.js';
import { mediaResources, probed, storedImage } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { openOperator, outcomes, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const { objects } = resources;
const video = await readFile(await makeVideo(folder, 'clip.mp4', { scenes: [6], width: 32, height: 24 }));
const clipObject = await objects.put('clips/a.mp4', video, { mediaType: 'video/mp4' });
const [green, blue, subject] = await Promise.all(
  ['#00ff00', '#0000ff', '#ff00ff'].map((c) => storedImage(resources, c)),
);

const flow = (caption = 'a fox', kind: 'clip' | 'still' = 'clip'): Flow => ({
  file: {
    path: '/fox.mp4',
    size: 1,
    sha256: 'c'.repeat(64),
    identity: '',
    uri: 'fox.mp4',
    source: 'zoo',
    licence: 'CC0-1.0',
  },
  clip: {
    ...{ kind, object: kind === 'clip' ? clipObject : green!, keyframe: green!, start: 1.5, duration: 0.5, frames: 6 },
    ...{ fps: 12, width: 32, height: 24, motion: 0.02, perceptual: '0'.repeat(16), imageEmbedding: [1] },
    ...(caption.startsWith('wide') && { width: 64, height: 36 }),
    scores: { motion: 0.02, sharpness: 0.003, brightness: 1, logo: 0.5 },
  },
  query: { task: 'text-to-video', parts: [{ text: caption }], text: caption, retrieval: undefined, self: {} },
  context: {
    entries: [green!, blue!].map((image, n) => ({
      ...{ document: String(n).repeat(64), caption: `document ${n}`, image, score: 0.03 - n / 100 },
      ranks: { lexical: n + 1 },
    })),
    nearDuplicates: [],
    corpus: { documents: 2, digest: 'd'.repeat(32) },
  },
  prompt: {
    task: 'text-to-video',
    instruction: 'Make a video.',
    parts: [{ image: green!, role: 'reference' }, { text: caption }, { image: subject!, role: 'subject' }],
  },
});

/** Envelopes of one record each; what is a list becomes the parts of one record. */
async function stage(instance: OperatorInstance, records: Record<number, string | string[]>, topic = 'media') {
  const settled: number[] = [];
  const envelopes = Object.entries(records).flatMap(([offset, captions]) => {
    const origin = { topic, partition: 3, offset: Number(offset), key: null, value: null, headers: {}, timestamp: 0 };
    const id = `${topic}-3-${offset}`;
    const event = { id, source: '/t', type: 't', schema: 'media.added', time: '', data: {} } as const;
    const work = new Work();
    const envelope = openEnvelope(
      origin,
      event,
      flow(),
      work,
      ({ outcome }) => {
        if (outcome.kind === 'delivered') settled.push(Number(offset));
      },
      { pause: new Pause({ clock: systemClock }), watch: new StepWatch({ elapsed: systemClock.elapsed }) },
    );
    return Array.isArray(captions) ? envelope.fork(captions.map((one) => flow(one))) : [envelope.with(flow(captions))];
  });
  const emitted = await lastValueFrom(instance.step(from(envelopes)).pipe(toArray()));
  expect(emitted).toEqual([]);
  expect(settled.sort((a, b) => a - b)).toEqual(Object.keys(records).map(Number));
}

const create = (config = {}, given: Resources = resources) => openOperator(shard, config, given);
const moved = (instance: OperatorInstance, move: Partial<OffsetMove>, topic = 'media'): Promise<Sealed> =>
  instance.onOffsetMove!({ topic, partition: 3, from: 0, to: 0, state: 0, final: false, ...move });
/** Without the names of their owners. */
const staged = async (topic = 'media') => {
  const keys: string[] = [];
  for await (const key of objects.list(`staging/${topic}/`)) keys.push(key.replace(/-\w+\.sample$/, ''));
  return keys;
};
const takeOver = (instance: OperatorInstance, isSettled: (offset: number) => boolean) =>
  instance.onTakeover!({ topic: 'media', partition: 3, isSettled });
/** An event's parts have their outcomes. */
function tell(instance: OperatorInstance, offset: number, ...all: Outcome[]) {
  const origin = { topic: 'media', partition: 3, offset, key: null, value: null, headers: {}, timestamp: 0 };
  const event = { id: '', source: '', type: '', schema: 'media.added', time: '', data: {} } as const;
  const parts = all.map((outcome, n) => ({ part: all.length > 1 ? `${n}` : '', outcome }));
  const settled = { origin, event, outcome: all[0]!, parts, outputs: [] };
  instance.onOutcome!(settled);
  return settled;
}

/** All as it is, but that every commit fails. */
function withoutCommits(transport: Transport, error: VimiError): Transport {
  return {
    ...transport,
    consume: (options) =>
      transport.consume({
        ...options,
        onAssigned: (assigned) =>
          options.onAssigned(
            new Proxy(assigned, {
              get(target, name) {
                if (name === 'commit') return () => Promise.reject(error);
                const value = Reflect.get(target, name, target);
                return typeof value === 'function' ? value.bind(target) : value;
              },
            }),
          ),
      }),
  };
}

const digestOf = async (product: Product) =>
  createHash('sha256')
    .update(await readFile(fileOf(product)))
    .digest('hex')
    .slice(0, 16);
const fileOf = ({ body }: Product) => (body as { file: string }).file;

async function members(path: string): Promise<{ name: string; mtime: number; bytes: Buffer }[]> {
  const all: { name: string; mtime: number; bytes: Buffer }[] = [];
  const reader = createReadStream(path).pipe(extract());
  for await (const entry of reader)
    all.push({ name: entry.header.name, mtime: entry.header.mtime!.getTime(), bytes: await buffer(entry) });
  return all;
}

describeOperator(shard, {
  resources: () => resources,
  good: () => flow(),
  bad: () => {
    const wrong = flow();
    wrong.clip!.object = { ...clipObject, key: 'clips/missing.mp4' };
    return { flow: wrong, code: 'OBJECT_NOT_FOUND' };
  },
});

describe('shard', () => {
  it('seals a shard a shape if asked, the same whatever the order of arrival', async () => {
    const sealed = async (...captions: string[]) => {
      const instance = await create({ records: 10, buckets: 'shape' });
      const offsets: Record<string, number> = { 'wide a': 2, 'a fox': 3, 'wide b': 5 };
      for (const caption of captions) await stage(instance, { [offsets[caption]!]: caption }, 'shapes');
      const { products, afterCommit } = await moved(instance, { to: 10 }, 'shapes');
      const found = await Promise.all(
        products.map(async (product) => ({ ...product.data, digest: await digestOf(product), fields: product.fields })),
      );
      await afterCommit!();
      return found;
    };
    const first = await sealed('wide a', 'a fox', 'wide b');
    const name = 'shapes-0003-000000000000-000000000010';
    expect(first).toMatchObject([
      { shard: `${name}-16x9-32p-4f`, shape: '16x9-32p-4f', kind: 'clips', samples: 2 },
      { shard: `${name}-4x3-16p-4f`, shape: '4x3-16p-4f', kind: 'clips', samples: 1 },
    ]);
    expect(await sealed('wide b', 'a fox', 'wide a')).toEqual(first);
  });

  it('leaves out what a keep-list leaves out as it is then, tells how many, and starts with no list that there is not', async () => {
    const left = {
      document: 'd'.repeat(64),
      image: green!.sha256,
      clip: clipObject.sha256,
      reason: 'over',
      group: 'fox',
    };
    let lists = [new KeepList('even', [])];
    const counted: object[] = [];
    const given: Resources = {
      ...resources,
      count: (count) => void counted.push(count),
      async keepList(name) {
        const found = lists.find((list) => list.name === name);
        if (!found) throw new VimiError('USAGE', 'There is no such list', { found: name });
        return found;
      },
    };
    const instance = await create({ records: 10, keep_list: 'even' }, given);
    await stage(instance, { 1: 'a fox', 12: 'another' }, 'lists');
    const before = await moved(instance, { to: 10 }, 'lists');
    expect(before.products.map(({ data }) => data)).toEqual([expect.objectContaining({ samples: 1 })]);
    expect(before.products[0]!.data).not.toHaveProperty('left_out');
    lists = [new KeepList('even', [left as LeftOut])];
    const after = await moved(instance, { from: 10, to: 20, state: 10 }, 'lists');
    // Nothing is left of the range, and a shard of nothing is none.
    expect(after).toMatchObject({ products: [], state: 20 });
    expect(counted).toContainEqual(expect.objectContaining({ counter: 'sample-left-out', times: 1 }));
    for (const { afterCommit } of [before, after]) await afterCommit!();
    // Forgotten while it runs, it leaves nothing out, and nothing stops.
    lists = [];
    await stage(instance, { 22: 'a third' }, 'lists');
    const freed = await moved(instance, { from: 20, to: 30, state: 20 }, 'lists');
    expect(freed.products.map(({ data }) => data)).toEqual([expect.objectContaining({ samples: 1 })]);
    expect(freed.products[0]!.data).not.toHaveProperty('left_out');
    await freed.afterCommit!();

    await expect(create({ keep_list: 'odd' }, given)).rejects.toMatchObject({ code: 'USAGE' });
    await expect(create({ keep_list: 'even' }, resources)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });

  it('seals a range when the committed offset has passed it, in source order whatever the order of arrival', async () => {
    const instance = await create({ records: 10 }, resources);
    await stage(instance, { 12: 'third', 7: ['a', 'b'] });
    await stage(instance, { 3: 'first' });
    expect(await moved(instance, { to: 9 })).toEqual({ products: [], state: 0 });
    const sealed = await moved(instance, { from: 9, to: 13 });
    expect(sealed.state).toBe(10);
    expect(sealed.products).toHaveLength(1);
    const product = sealed.products[0]!;
    const name = 'media-0003-000000000000-000000000010';
    expect(product).toMatchObject({
      fields: { shard: name, digest: await digestOf(product), kind: 'clips' },
      schema: 'samples.sealed',
      id: name,
    });
    expect(product.data).toEqual({
      shard: name,
      kind: 'clips',
      samples: 3,
      range: { topic: 'media', partition: 3, from: 0, to: 10 },
    });
    const found = await members(fileOf(product));
    const keys = ['media-3-000000000003-0', 'media-3-000000000007-0', 'media-3-000000000007-1'];
    const kinds = ['mp4', 'txt', 'json'];
    const images = [green!, blue!, subject!].map(({ sha256 }) => `images/${sha256}`);
    expect(found.map((member) => member.name)).toEqual([
      ...images,
      ...keys.flatMap((key) => kinds.map((kind) => `${key}.${kind}`)),
    ]);
    expect(found.every(({ mtime }) => mtime === 0)).toBe(true);
    for (const [n, image] of [green!, blue!, subject!].entries())
      expect(found[n]!.bytes.equals(await objects.get(image.key))).toBe(true);
    const [clip, text, json] = found.slice(3).map(({ bytes }) => bytes);
    // The index beside it names the place of every member.
    const tar = await readFile(fileOf(product));
    const [{ ending, body: index }] = product.beside as [Beside];
    const [head, ...rows] = String(index).trimEnd().split('\n');
    expect([ending, head]).toEqual(['.idx', 'v1.2 3']);
    expect(
      rows
        .flatMap((row) => row.match(/\S+ \d+ \d+ \S+/g)!.map((one) => one.split(' ')))
        .map(([, at, size, member]) => [member, tar.subarray(Number(at), Number(at) + Number(size))]),
    ).toEqual(found.slice(3).map((member) => [member.name, member.bytes]));
    expect(clip!.equals(video)).toBe(true);
    expect(text!.toString()).toBe('first');
    const told = JSON.parse(json!.toString());
    expect(told).toEqual({
      layout: 4,
      caption: 'first',
      captions: [{ text: 'first', by: 'custom', language: '', score: 0 }],
      prompt: {
        ...flow().prompt,
        parts: [
          { text: '', image: green!.sha256, clip: '', role: 'reference' },
          { text: 'first', image: '', clip: '', role: '' },
          { text: '', image: subject!.sha256, clip: '', role: 'subject' },
        ],
      },
      context: expect.any(String),
      corpus: flow().context!.corpus,
      clip: { kind: 'clip', start: 1.5, duration: 0.5, frames: 6, fps: 12, width: 32, height: 24, motion: 0.02 },
      scores: {
        ...{ sharpness: 0.003, brightness: 1, contrast: 0, black: 0, frozen: 0, letterbox: 0 },
        more: '{"logo":0.5}',
      },
      provenance: { uri: 'fox.mp4', source: 'zoo', licence: 'CC0-1.0', sha256: 'c'.repeat(64), event: 'media-3-3' },
    });
    expect(JSON.parse(told.context)).toEqual(flow().context!.entries);
    // A measure that happens to be whole is still no integer.
    expect(json!.toString()).toContain('"fps":12.0,');
    expect(json!.toString()).toContain('"brightness":1.0,');
    expect(json!.toString()).toContain('"score":0.0,');

    await sealed.afterCommit!();
    expect(await staged()).toEqual(['staging/media/3/000000000012-0']);
    const last = await moved(instance, { from: 13, to: 15, state: 10, final: true });
    expect([last.state, last.products.map(({ id }) => id)]).toEqual([15, ['media-0003-000000000010-000000000015']]);
    await last.afterCommit!();
    expect(await staged()).toEqual([]);
    expect((await readdir(resources.workDir)).filter((file) => file.endsWith('.tar'))).toEqual([]);
  });

  it('seals several ranges in one move, none for an empty one, and goes on from where a run ended', async () => {
    const instance = await create({ records: 5 });
    await stage(instance, { 6: 'x', 8: 'y', 16: 'z' });
    const sealed = await moved(instance, { to: 17, state: 7 });
    expect(sealed.products.map(({ data }) => [data.range, data.samples])).toEqual([
      [{ topic: 'media', partition: 3, from: 7, to: 10 }, 1],
    ]);
    expect(sealed.state).toBe(15);
    const next = await moved(instance, { to: 20, state: 15 });
    expect(next.products.map(({ id }) => id)).toEqual(['media-0003-000000000015-000000000020']);
    // A sample below the state is a leftover of a crash after its commit: removed, never sealed twice.
    await next.afterCommit!();
    expect(await staged()).toEqual([]);
    expect(await moved(instance, { to: 20, state: 20, final: true })).toEqual({ products: [], state: 20 });
  });

  it('gives the same bytes again after a crash at any point', async () => {
    const whole = await create({ records: 4 });
    await stage(whole, { 0: 'a', 1: ['b', 'c'], 3: 'd' });
    const undisturbed = join(folder, 'undisturbed.tar');
    await copyFile(fileOf((await moved(whole, { to: 4 })).products[0]!), undisturbed);

    // Another process, which finds one sample missing and stages some again, in another order.
    for await (const key of objects.list('staging/media/3/000000000001-1')) await objects.remove(key);
    await rm(resources.workDir, { recursive: true });
    const again = await create({ records: 4, concurrency: 1 });
    await takeOver(again, (offset) => offset === 0);
    await stage(again, { 3: 'd' });
    await stage(again, { 1: ['b', 'c'] });
    const sealed = await moved(again, { to: 4 });
    expect((await readFile(fileOf(sealed.products[0]!))).equals(await readFile(undisturbed))).toBe(true);
    await sealed.afterCommit!();
  });

  it('leaves out what a process staged that was fenced, when the redo came to another outcome', async () => {
    const [hung, again] = [await create(), await create()];
    await takeOver(again, () => false);
    // It goes on a moment longer, and knows nothing of the other.
    await stage(hung, { 0: ['a', 'b'], 1: 'c', 2: 'd' });
    await stage(again, { 2: 'd' });
    // The redo drops one part of the first record as a duplicate, and rejects the second record.
    const duplicate = { kind: 'dropped', reason: 'duplicate' } as const;
    const rejected = {
      kind: 'rejected',
      error: new VimiError('INTERNAL', 'Odd'),
      step: 'caption',
      attempts: 1,
    } as const;
    tell(again, 0, { kind: 'delivered' }, duplicate);
    tell(again, 1, rejected);
    const sealed = await moved(again, { to: 3, final: true });
    const names = (await members(fileOf(sealed.products[0]!))).map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('.mp4'))).toEqual([
      'media-3-000000000000-0.mp4',
      'media-3-000000000002-0.mp4',
    ]);
    await sealed.afterCommit!();
    expect(await staged()).toEqual([]);
  });

  it('removes what another staged before the commit of another outcome, and neither sooner nor more', async () => {
    await stage(await create(), { 3: 'a', 4: 'b', 5: ['c', 'd'], 6: ['e', 'f'], 7: 'g' });
    await stage(await create(), { 3: 'b' }, 'another');
    const all = await staged();
    const instance = await create();
    await takeOver(instance, (offset) => offset === 4);
    expect(await staged()).toEqual(all);
    const duplicate = { kind: 'dropped', reason: 'duplicate' } as const;
    const delivered = { kind: 'delivered' } as const;
    // The whole of 6 came to nothing before it was split.
    const redone = [
      tell(instance, 3, duplicate),
      tell(instance, 4, duplicate),
      tell(instance, 5, delivered, duplicate),
      tell(instance, 6, duplicate),
    ];
    await instance.beforeCommit!(redone);
    expect(await staged()).toEqual(['4-0', '5-0', '7-0'].map((place) => `staging/media/3/00000000000${place}`));
    expect(await staged('another')).toHaveLength(1);
    for (const topic of ['media', 'another'])
      await (await moved(await create(), { to: 8, final: true }, topic)).afterCommit!();
  });

  it('names what two processes make of the same range apart, so that neither replaces what the other has told of', async () => {
    const [hung, owner] = [await create(), await create()];
    await stage(hung, { 0: 'as the corpus was before' });
    const late = await moved(hung, { to: 1, final: true });
    const digests = [await digestOf(late.products[0]!)];
    for await (const key of objects.list('staging/')) await objects.remove(key);
    await takeOver(owner, () => false);
    await stage(owner, { 0: 'as it is now' });
    const sealed = await moved(owner, { to: 1, final: true });
    digests.push(await digestOf(sealed.products[0]!));
    expect([late, sealed].map(({ products: [product] }) => product!.fields)).toEqual(
      digests.map((digest) => ({ shard: 'media-0003-000000000000-000000000001', digest, kind: 'clips' })),
    );
    expect(new Set(digests).size).toBe(2);
    await sealed.afterCommit!();
  });

  it('does not go by what it knew of a partition before others had it', async () => {
    const instance = await create();
    tell(instance, 0, { kind: 'dropped', reason: 'duplicate' });
    await stage(await create(), { 0: 'a' });
    await takeOver(instance, () => true);
    const sealed = await moved(instance, { to: 1, final: true });
    expect(sealed.products.map(({ data }) => data.samples)).toEqual([1]);
    await sealed.afterCommit!();
  });

  it('seals nothing of a try whose event came to another outcome and then went through a second crash', async () => {
    const transport = openEmbedded({ path: join(folder, 'redo.sqlite') });
    await prepareTopics(transport, 1);
    await transport.publish([media('slow'), media('again')]);
    /** `decide` says what becomes of an event before it is a sample; a `null` is never settled. */
    const run = (decide: (uri: string) => Partial<Flow> | Drop | null, through: Transport, signal?: AbortSignal) => {
      const before = testOperator('before', ({ clock }) => ({
        step: mapEach<'media'>(
          ({ media: { uri } }, { signal }) => {
            const outcome = decide(uri);
            return outcome ?? new Promise<never>((_, fail) => signal.addEventListener('abort', fail));
          },
          { step: 'before', concurrency: 2, clock },
        ),
      }));
      const steps = [before, shard].map((operator) => ({
        ...{ name: operator.name, operator },
        config: operator.config.parse({}),
      }));
      const to = [{ objects: 'samples/{shard}-{digest}.tar' }, { topic: 'out', schema: 'samples.sealed' as const }];
      return runPipeline(spec([], { steps, to }), {
        ...{ transport: through, resources, log: quietLog, drainMs: 0 },
        ...(signal ? { signal } : { signal: new AbortController().signal, drain: true }),
      });
    };
    const position = async () => decodePosition((await transport.positions('test', 'in')).get(0) ?? null);
    const sample = () => flow('a fox');
    // It stages its sample, and is gone before the commit.
    const lost = new VimiError('INTERNAL', 'Gone');
    await expect(run((uri) => (uri === 'slow' ? null : sample()), withoutCommits(transport, lost))).rejects.toBe(lost);
    expect(await staged('in')).toEqual(['staging/in/0/000000000001-0']);
    // The redo drops it. That is committed beyond the committed offset, and then this one is gone as well.
    const stop = new AbortController();
    const second = run((uri) => (uri === 'slow' ? null : drop('duplicate')), transport, stop.signal);
    await vi.waitFor(async () => expect((await position()).beyond).toEqual([{ from: 1, to: 2 }]), patient);
    stop.abort();
    await second;

    await run(sample, transport);
    const [sealed] = (await readAll(transport, 'out')).map(({ value }) => JSON.parse(String(value)));
    expect(sealed).toMatchObject({ samples: 1, range: { from: 0, to: 2 } });
    expect((await position()).counts).toMatchObject({ delivered: 1, dropped: { duplicate: 1 } });
    expect(await staged('in')).toEqual([]);
    await transport.close();
  });

  it('takes each clip once to the store, once back, and once more in its shard; an image comes back once a shard', async () => {
    const transport = openEmbedded({ path: join(folder, 'crossings.sqlite') });
    await prepareTopics(transport, 1);
    const path = await makeVideo(folder, 'long.mp4', { scenes: [40, 40, 40], width: 128, height: 96 });
    await transport.publish([media('film')]);
    const crossed: { way: 'there' | 'back'; key: string; bytes: number }[] = [];
    const counting = new Proxy(objects, {
      get(target, name) {
        if (name === 'put')
          return async (...[key, body, options]: Parameters<ObjectStore['put']>) => {
            crossed.push({
              way: 'there',
              key,
              bytes: Buffer.isBuffer(body) ? body.length : (await stat(body.file)).size,
            });
            return target.put(key, body, options);
          };
        if (name === 'get')
          return async (...[key, options]: Parameters<ObjectStore['get']>) => {
            const bytes = await target.get(key, options);
            crossed.push({ way: 'back', key, bytes: bytes.length });
            return bytes;
          };
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    // Images as admit and split keep them.
    let told = JSON.stringify(flow('a film'));
    for (const { key, sha256 } of [green!, blue!, subject!]) {
      const lasting = `images/${sha256}.webp`;
      await objects.put(lasting, await objects.get(key), { mediaType: 'image/webp', byContent: true });
      told = told.replaceAll(key, lasting);
    }
    const { query, context, prompt }: Flow = JSON.parse(told);
    const grounded = testOperator('ground', ({ clock }) => ({
      step: mapEach(async () => ({ ...(await probed(path)), query, context, prompt }), {
        step: 'ground',
        concurrency: 1,
        clock,
      }),
    }));
    const steps = [grounded, split, shard].map((operator) => ({
      ...{ name: operator.name, operator },
      config: operator.config.parse({}),
    }));
    const to = [{ objects: 'samples/{shard}-{digest}.tar' }, { topic: 'out', schema: 'samples.sealed' as const }];
    await runPipeline(spec([], { steps, to }), {
      ...{ transport, resources: resourcesWith({ ...resources, objects: counting }), log: quietLog, drainMs: 0 },
      ...{ signal: new AbortController().signal, drain: true },
    });
    const of = (pattern: RegExp) => crossed.filter(({ key }) => pattern.test(key)).map(({ way }) => way);
    expect(of(/^clips\//).sort()).toEqual([...Array(3).fill('back'), ...Array(3).fill('there')]);
    expect(of(/^samples\/.*tar$/)).toEqual(['there']);
    const images = crossed.filter(({ way, key }) => way === 'back' && key.startsWith('images/'));
    expect(images.map(({ key }) => key).sort()).toEqual(
      [green!, blue!, subject!].map(({ sha256 }) => `images/${sha256}.webp`).sort(),
    );
    // Beside them the texts of each sample, there and back.
    expect(of(/^staging\//)).toHaveLength(6);
    await transport.close();
  });

  it('seals a range that is larger than `bytes` as several shards, each whole, whatever the order of arrival [kind 9]', async () => {
    const captions = { 0: 'a', 1: ['b', 'c'], 3: 'd', 4: 'e' };
    const shards = async (
      config: object,
      order: (list: [string, string | string[]][]) => [string, string | string[]][],
    ) => {
      const instance = await create({ records: 5, ...config });
      for (const [offset, caption] of order(Object.entries(captions))) await stage(instance, { [offset]: caption });
      const sealed = await moved(instance, { to: 5 });
      const tars = await Promise.all(sealed.products.map((product) => members(fileOf(product))));
      const found = sealed.products.map(({ id, fields, data }, n) => ({
        id,
        digest: fields.digest,
        samples: data.samples,
        tar: tars[n]!,
      }));
      await sealed.afterCommit!();
      return found;
    };
    const [whole, ...none] = await shards({}, (list) => list);
    expect(none).toEqual([]);
    const size = whole!.tar.reduce((sum, { bytes }) => sum + 512 + 512 * Math.ceil(bytes.length / 512), 1024);
    const split = await shards({ bytes: Math.ceil(size * 0.75) }, (list) => list);
    const name = 'media-0003-000000000000-000000000005';
    expect(split.map(({ id }) => id)).toEqual([`${name}-000`, `${name}-001`]);
    // Each has all images of its samples, and together they have each sample once.
    for (const { tar } of split) expect(tar.filter(({ name: one }) => one.startsWith('images/'))).toHaveLength(3);
    const samples = split.flatMap(({ tar }) => tar.filter(({ name: one }) => one.endsWith('.txt')));
    expect(samples.map(({ bytes }) => bytes.toString())).toEqual(['a', 'b', 'c', 'd', 'e']);
    const again = await shards({ bytes: Math.ceil(size * 0.75), concurrency: 1 }, (list) => list.reverse());
    expect(again.map(({ digest }) => digest)).toEqual(split.map(({ digest }) => digest));
    expect((await shards({ bytes: 1 }, (list) => list)).map(({ samples }) => samples)).toEqual([1, 1, 1, 1, 1]);
  });

  it('gives all samples one set of members and types, with context or without, and stills a shard of their own [media F24] [media F25]', async () => {
    const bare = flow('whole numbers');
    bare.clip = { ...bare.clip!, start: 0, duration: 4, fps: 25, motion: 0 };
    bare.context = { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } };
    bare.prompt = { ...bare.prompt!, parts: [{ text: 'whole numbers' }] };
    const flows = [bare, flow('with context'), flow('a still', 'still')];
    const run = await runOperator(shard, { stills: true }, resources, flows, { topic: 'kinds' });
    expect(outcomes(run)).toEqual(['delivered', 'delivered', 'delivered']);
    const sealed = await run.instance.onOffsetMove!({
      ...{ topic: 'kinds', partition: 0, from: 0, to: 3, state: 0, final: true },
    });
    expect(sealed.products.map(({ fields, data }) => [fields.kind, data.kind, data.samples])).toEqual([
      ['clips', 'clips', 2],
      ['stills', 'stills', 1],
    ]);
    const [clips, stills] = await Promise.all(sealed.products.map((product) => members(fileOf(product))));
    const kinds = (list: { name: string }[]) =>
      list.filter(({ name }) => !name.startsWith('images/')).map(({ name }) => name.slice(name.indexOf('.') + 1));
    expect(kinds(clips!)).toEqual(['mp4', 'txt', 'json', 'mp4', 'txt', 'json']);
    expect(kinds(stills!)).toEqual(['webp', 'txt', 'json']);
    // What a reader with typed columns makes of it: names and types of all fields, deep down.
    const shape = (text: string) =>
      JSON.stringify(
        JSON.parse(
          text.replace(/(?<!\\)":(-?\d[\d.e+-]*)/g, (_, number) => `":"${/[.e]/.test(number) ? 'float' : 'integer'}"`),
        ),
        (_key, value) =>
          Array.isArray(value)
            ? value.slice(0, 1)
            : typeof value === 'string' && !/^(float|integer)$/.test(value)
              ? 'text'
              : value,
      );
    const jsons = [...clips!, ...stills!]
      .filter(({ name }) => name.endsWith('.json'))
      .map(({ bytes }) => bytes.toString());
    expect(jsons[0]).toContain(
      '"duration":4.0,"fps":25.0,"frames":6,"height":24,"kind":"clip","motion":0.0,"start":0.0',
    );
    expect(new Set(jsons.map(shape)).size).toBe(1);
    await sealed.afterCommit!();
  });

  it('writes what our own trainer reads, images in place [kind 9]', async () => {
    const instance = await create();
    await stage(instance, { 0: 'a fox' });
    const sealed = await moved(instance, { to: 1, final: true });
    const [sample, ...others] = await readSamples([fileOf(sealed.products[0]!)], { side: 16, frames: 4 });
    expect(others).toEqual([]);
    expect(sample).toMatchObject({
      key: 'media-3-000000000000-0',
      fps: 12,
      contextCaptions: ['document 0', 'document 1'],
    });
    const told = sample!.prompt.parts.map((part) =>
      'text' in part ? part.text : [part.role, ...part.pixels.data.subarray(0, 3)],
    );
    expect(told).toEqual([['reference', 0, 255, 0], 'a fox', ['subject', 255, 0, 255]]);
    await sealed.afterCommit!();
  });

  it('leaves out what was removed or went between staging and sealing, and says so', async () => {
    const table = new RemovalTable();
    const counted: Record<string, number> = {};
    const logged: object[] = [];
    const around = resourcesWith({
      ...{ objects, workDir: resources.workDir },
      removals: { of: (thing) => table.of(thing), get: () => null, all: () => [], caughtUp: async () => {} },
      count: ({ counter, times }) => {
        counted[counter] = (counted[counter] ?? 0) + times;
      },
      log: { ...quietLog, error: (fields: object) => logged.push(fields) },
    });
    const instance = await create({ records: 10 }, around);
    const lost = await objects.put('clips/lost.mp4', Buffer.concat([video, Buffer.from('!')]), {
      mediaType: 'video/mp4',
    });
    const zoo = { kind: 'source', value: 'closed zoo' } as const;
    const own = (caption: string, source: string, object = clipObject): Flow => {
      const one = flow(caption);
      const [first, second] = one.context!.entries;
      const parts = [first!, second!].flatMap(({ caption: text, image }) => [
        { text },
        { image, role: 'reference' as const },
      ]);
      const instruction = 'Generate a video with the retrieved text-image pairs.';
      return {
        ...one,
        file: { ...one.file!, source },
        clip: { ...one.clip!, object },
        prompt: { task: 'text-to-video', instruction, parts: [...parts, { text: caption }] },
      };
    };
    const topic = 'opt-out';
    const staging = (flows: Flow[], firstOffset: number) =>
      runOperator(shard, { records: 10 }, around, flows, { topic, firstOffset });
    await staging([own('kept', 'zoo'), own('out', 'closed zoo'), own('lost', 'zoo', lost)], 0);
    table.set('source:closed zoo', zoo);
    const document = flow().context!.entries[1]!.document;
    table.set(`document:${document}`, { kind: 'document', value: document, image: blue!.sha256 });
    expect(outcomes(await staging([own('too late', 'closed zoo')], 3))).toEqual(['removed']);
    for await (const key of objects.list(`clips/${lost.sha256}`)) await objects.remove(key);

    const sealed = await instance.onOffsetMove!({ topic, partition: 0, from: 0, to: 4, state: 0, final: true });
    expect(sealed.products[0]!.data).toMatchObject({ samples: 1, removed: { samples: 1, contexts: 1 }, lost: 1 });
    expect(counted).toEqual({ 'sample-removed': 1, 'sample-left-out': 0, 'context-removed': 1, 'sample-lost': 1 });
    expect(logged).toEqual([expect.objectContaining({ sample: `${topic}-0-000000000002-0` })]);
    const found = await members(fileOf(sealed.products[0]!));
    const key = `${topic}-0-000000000000-0`;
    expect(found.map(({ name }) => name)).toEqual([
      `images/${green!.sha256}`,
      ...['mp4', 'txt', 'json'].map((kind) => `${key}.${kind}`),
    ]);
    const json = found.at(-1)!.bytes.toString();
    // Measures stay what they are.
    expect(json).toContain('"fps":12.0,');
    const told = JSON.parse(json);
    expect(JSON.parse(told.context)).toEqual([flow().context!.entries[0]]);
    expect(told.prompt.parts).toEqual([
      { text: 'document 0', image: '', clip: '', role: '' },
      { text: '', image: green!.sha256, clip: '', role: 'reference' },
      { text: 'kept', image: '', clip: '', role: '' },
    ]);
    await sealed.afterCommit!();
  });

  it('keeps the samples of pipelines apart that share a topic', async () => {
    const [one, two] = [await create(), await create({ staging: 'staging/other' })];
    await stage(one, { 0: 'a' });
    await stage(two, { 0: 'a', 1: 'b' });
    for (const [instance, samples] of [
      [one, 1],
      [two, 2],
    ] as const) {
      const sealed = await moved(instance, { to: 2, final: true });
      expect(sealed.products.map(({ data }) => data.samples)).toEqual([samples]);
      await sealed.afterCommit!();
    }
  });

  it('keeps dots out of sample keys, and partitions and topics apart', async () => {
    const instance = await create({ records: 2 });
    await stage(instance, { 0: 'a' }, 'team.media');
    await stage(instance, { 1: 'b' }, 'team.media-3');
    const sealed = await moved(instance, { to: 2 }, 'team.media');
    const names = (await members(fileOf(sealed.products[0]!))).map(({ name }) => name);
    expect(names[3]).toBe('team_media-3-000000000000-0.mp4');
    expect(names).toHaveLength(6);
    await sealed.afterCommit!();
    await (await moved(instance, { to: 2 }, 'team.media-3')).afterCommit!();
  });

  it('delivers stills without a sample, unless asked', async () => {
    const run = await runOperator(shard, {}, resources, [flow('a still', 'still')], { topic: 'stills' });
    expect(outcomes(run)).toEqual(['delivered']);
    expect(await staged('stills')).toEqual([]);
    const asked = await runOperator(shard, { stills: true }, resources, [flow('a still', 'still')], {
      topic: 'stills',
    });
    const sealed = await asked.instance.onOffsetMove!({
      ...{ topic: 'stills', partition: 0, from: 0, to: 1, state: 0, final: true },
    });
    expect(sealed.products.map(({ id, fields }) => [id, fields.kind])).toEqual([
      ['stills-0000-000000000000-000000000001-stills', 'stills'],
    ]);
    const [image, text, json, ...others] = await members(fileOf(sealed.products[0]!));
    expect(image!.name).toBe('stills-0-000000000000-0.webp');
    expect(text!.bytes.toString()).toBe('a still');
    // Whatever was found when it came in.
    expect(others).toEqual([]);
    const told = JSON.parse(json!.bytes.toString());
    expect(told).toMatchObject({ caption: 'a still', context: '[]', corpus: { documents: 0 } });
    expect(told.prompt.parts).toEqual([{ text: 'a still', image: '', clip: '', role: '' }]);
    await sealed.afterCommit!();
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.skipIf(!hasPython)('writes what Python reads as a tar', async () => {
    const instance = await create({ records: 2 });
    await stage(instance, { 0: 'a', 1: 'b' });
    const sealed = await moved(instance, { to: 2 });
    const script =
      'import sys, tarfile; print("\\n".join(f"{m.name} {m.size} {m.uid}" for m in tarfile.open(sys.argv[1])))';
    const lines = execFileSync('python3', ['-c', script, fileOf(sealed.products[0]!)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(lines).toHaveLength(9);
    expect(lines[3]).toBe(`media-3-000000000000-0.mp4 ${video.length} 0`);
    await sealed.afterCommit!();
  });
});
