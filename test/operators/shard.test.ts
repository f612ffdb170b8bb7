import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { from, lastValueFrom, toArray } from 'rxjs';
import { extract } from 'tar-stream';
import { describe, expect, it, vi } from 'vitest';
import { VimiError } from '../../src/errors.js';
import { readSamples } from '../../src/models/training/samples.js';
import { systemClock } from '../../src/operators/clock.js';
import type { Flow, Product } from '../../src/operators/flow.js';
import { type Drop, drop, mapEach } from '../../src/operators/map-each.js';
import type { OperatorInstance, Resources, Sealed, WatermarkMove } from '../../src/operators/operator.js';
import { shard } from '../../src/operators/shard.js';
import type { Fate } from '../../src/streams/envelope.js';
import { Pause } from '../../src/streams/pause.js';
import { runPipeline } from '../../src/streams/pipeline.js';
import { decodePosition } from '../../src/streams/position.js';
import { openEnvelope } from '../../src/streams/settlement.js';
import { StepWatch } from '../../src/streams/step-watch.js';
import type { Transport } from '../../src/streams/transport.js';
import { openEmbedded } from '../../src/streams/transports/embedded.js';
import { makeVideo, testFolder } from '../media/make-media.js';
import { media, prepareTopics, quietLog, readAll, spec, testOperator } from '../streams/pipeline-fixtures.js';
import { patient } from '../support/patience.js';
import { mediaResources, storedPicture } from './media-resources.js';
import { describeOperator } from './operator-contract.js';
import { fates, runOperator } from './run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const { objects } = resources;
const video = await readFile(await makeVideo(folder, 'clip.mp4', { scenes: [6], width: 32, height: 24 }));
const clipObject = await objects.put('clips/a.mp4', video, { mediaType: 'video/mp4' });
const [green, blue, subject] = await Promise.all(
  ['#00ff00', '#0000ff', '#ff00ff'].map((c) => storedPicture(resources, c)),
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
    const life = { signal: new AbortController().signal, isAborted: false, abort() {} };
    const envelope = openEnvelope(
      origin,
      event,
      flow(),
      life,
      ({ fate }) => {
        if (fate.kind === 'delivered') settled.push(Number(offset));
      },
      { pause: new Pause({ clock: systemClock }), watch: new StepWatch({ elapsed: systemClock.elapsed }) },
    );
    return Array.isArray(captions) ? envelope.fork(captions.map((one) => flow(one))) : [envelope.with(flow(captions))];
  });
  const emitted = await lastValueFrom(instance.step(from(envelopes)).pipe(toArray()));
  expect(emitted).toEqual([]);
  expect(settled.sort((a, b) => a - b)).toEqual(Object.keys(records).map(Number));
}

const create = (config = {}, given: Resources = resources) => shard.create(shard.config.parse(config) as never, given);
const moved = (instance: OperatorInstance, move: Partial<WatermarkMove>, topic = 'media'): Promise<Sealed> =>
  instance.onWatermark!({ topic, partition: 3, from: 0, to: 0, mark: 0, final: false, ...move });
/** Without the names of their owners. */
const staged = async (topic = 'media') => {
  const keys: string[] = [];
  for await (const key of objects.list(`staging/${topic}/`)) keys.push(key.replace(/-\w+\.sample$/, ''));
  return keys;
};
const takeOver = (instance: OperatorInstance, isSettled: (offset: number) => boolean) =>
  instance.onTakeover!({ topic: 'media', partition: 3, isSettled });
/** An event's parts have their fates. */
function tell(instance: OperatorInstance, offset: number, ...all: Fate[]) {
  const origin = { topic: 'media', partition: 3, offset, key: null, value: null, headers: {}, timestamp: 0 };
  const event = { id: '', source: '', type: '', schema: 'media.added', time: '', data: {} } as const;
  const parts = all.map((fate, n) => ({ part: all.length > 1 ? `${n}` : '', fate }));
  const settled = { origin, event, fate: all[0]!, parts, outputs: [] };
  instance.onFate!(settled);
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
  it('seals a range when the watermark has passed it, in source order whatever the order of arrival', async () => {
    const instance = create({ records: 10 }, resources);
    await stage(instance, { 12: 'third', 7: ['a', 'b'] });
    await stage(instance, { 3: 'first' });
    expect(await moved(instance, { to: 9 })).toEqual({ products: [], mark: 0 });
    const sealed = await moved(instance, { from: 9, to: 13 });
    expect(sealed.mark).toBe(10);
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
    const pictures = [green!, blue!, subject!].map(({ sha256 }) => `images/${sha256}`);
    expect(found.map((member) => member.name)).toEqual([
      ...pictures,
      ...keys.flatMap((key) => kinds.map((kind) => `${key}.${kind}`)),
    ]);
    expect(found.every(({ mtime }) => mtime === 0)).toBe(true);
    for (const [n, image] of [green!, blue!, subject!].entries())
      expect(found[n]!.bytes.equals(await objects.get(image.key))).toBe(true);
    const [clip, text, json] = found.slice(3).map(({ bytes }) => bytes);
    expect(clip!.equals(video)).toBe(true);
    expect(text!.toString()).toBe('first');
    const told = JSON.parse(json!.toString());
    expect(told).toEqual({
      layout: 2,
      caption: 'first',
      prompt: {
        ...flow().prompt,
        parts: [
          { text: '', image: green!.sha256, role: 'reference' },
          { text: 'first', image: '', role: '' },
          { text: '', image: subject!.sha256, role: 'subject' },
        ],
      },
      context: expect.any(String),
      corpus: flow().context!.corpus,
      clip: { kind: 'clip', start: 1.5, duration: 0.5, frames: 6, fps: 12, width: 32, height: 24, motion: 0.02 },
      provenance: { uri: 'fox.mp4', source: 'zoo', licence: 'CC0-1.0', sha256: 'c'.repeat(64), event: 'media-3-3' },
    });
    expect(JSON.parse(told.context)).toEqual(flow().context!.entries);
    // A measure that happens to be whole is still no integer.
    expect(json!.toString()).toContain('"fps":12.0,');

    await sealed.afterCommit!();
    expect(await staged()).toEqual(['staging/media/3/000000000012-0']);
    const last = await moved(instance, { from: 13, to: 15, mark: 10, final: true });
    expect([last.mark, last.products.map(({ id }) => id)]).toEqual([15, ['media-0003-000000000010-000000000015']]);
    await last.afterCommit!();
    expect(await staged()).toEqual([]);
    expect((await readdir(resources.workDir)).filter((file) => file.endsWith('.tar'))).toEqual([]);
  });

  it('seals several ranges in one move, none for an empty one, and goes on from where a run ended', async () => {
    const instance = create({ records: 5 });
    await stage(instance, { 6: 'x', 8: 'y', 16: 'z' });
    const sealed = await moved(instance, { to: 17, mark: 7 });
    expect(sealed.products.map(({ data }) => [data.range, data.samples])).toEqual([
      [{ topic: 'media', partition: 3, from: 7, to: 10 }, 1],
    ]);
    expect(sealed.mark).toBe(15);
    const next = await moved(instance, { to: 20, mark: 15 });
    expect(next.products.map(({ id }) => id)).toEqual(['media-0003-000000000015-000000000020']);
    // A sample below the mark is a leftover of a crash after its commit: removed, never sealed twice.
    await next.afterCommit!();
    expect(await staged()).toEqual([]);
    expect(await moved(instance, { to: 20, mark: 20, final: true })).toEqual({ products: [], mark: 20 });
  });

  it('gives the same bytes again after a crash at any point', async () => {
    const whole = create({ records: 4 });
    await stage(whole, { 0: 'a', 1: ['b', 'c'], 3: 'd' });
    const undisturbed = join(folder, 'undisturbed.tar');
    await copyFile(fileOf((await moved(whole, { to: 4 })).products[0]!), undisturbed);

    // Another process, which finds one sample missing and stages some again, in another order.
    for await (const key of objects.list('staging/media/3/000000000001-1')) await objects.remove(key);
    await rm(resources.workDir, { recursive: true });
    const again = create({ records: 4, concurrency: 1 });
    await takeOver(again, (offset) => offset === 0);
    await stage(again, { 3: 'd' });
    await stage(again, { 1: ['b', 'c'] });
    const sealed = await moved(again, { to: 4 });
    expect((await readFile(fileOf(sealed.products[0]!))).equals(await readFile(undisturbed))).toBe(true);
    await sealed.afterCommit!();
  });

  it('leaves out what a process staged that was shut out, when the redo came to another fate', async () => {
    const [hung, again] = [create(), create()];
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

  it('removes what another staged before the commit of another fate, and neither sooner nor more', async () => {
    await stage(create(), { 3: 'a', 4: 'b', 5: ['c', 'd'], 6: ['e', 'f'], 7: 'g' });
    await stage(create(), { 3: 'b' }, 'another');
    const all = await staged();
    const instance = create();
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
      await (await moved(create(), { to: 8, final: true }, topic)).afterCommit!();
  });

  it('names what two processes make of the same range apart, so that neither replaces what the other has told of', async () => {
    const [hung, owner] = [create(), create()];
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
    const instance = create();
    tell(instance, 0, { kind: 'dropped', reason: 'duplicate' });
    await stage(create(), { 0: 'a' });
    await takeOver(instance, () => true);
    const sealed = await moved(instance, { to: 1, final: true });
    expect(sealed.products.map(({ data }) => data.samples)).toEqual([1]);
    await sealed.afterCommit!();
  });

  it('seals nothing of a try whose event came to another fate and then went through a second crash', async () => {
    const transport = openEmbedded({ path: join(folder, 'redo.sqlite') });
    await prepareTopics(transport, 1);
    await transport.publish([media('slow'), media('again')]);
    /** `fate` decides what becomes of an event before it is a sample; a `null` is never settled. */
    const run = (fate: (uri: string) => Partial<Flow> | Drop | null, through: Transport, signal?: AbortSignal) => {
      const before = testOperator('before', ({ clock }) => ({
        step: mapEach<'media'>(
          ({ media: { uri } }, { signal }) => {
            const outcome = fate(uri);
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
    // The redo drops it. That is committed beyond the watermark, and then this one is gone as well.
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

  it('seals a range that is larger than `bytes` as several shards, each whole, whatever the order of arrival [kind 9]', async () => {
    const captions = { 0: 'a', 1: ['b', 'c'], 3: 'd', 4: 'e' };
    const shards = async (
      config: object,
      order: (list: [string, string | string[]][]) => [string, string | string[]][],
    ) => {
      const instance = create({ records: 5, ...config });
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
    // Each has all pictures of its samples, and together they have each sample once.
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
    expect(fates(run)).toEqual(['delivered', 'delivered', 'delivered']);
    const sealed = await run.instance.onWatermark!({
      ...{ topic: 'kinds', partition: 0, from: 0, to: 3, mark: 0, final: true },
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

  it('writes what our own trainer reads, pictures in place [kind 9]', async () => {
    const instance = create();
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

  it('keeps the samples of pipelines apart that share a topic', async () => {
    const [one, two] = [create(), create({ staging: 'staging/other' })];
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
    const instance = create({ records: 2 });
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
    expect(fates(run)).toEqual(['delivered']);
    expect(await staged('stills')).toEqual([]);
    const asked = await runOperator(shard, { stills: true }, resources, [flow('a still', 'still')], {
      topic: 'stills',
    });
    const sealed = await asked.instance.onWatermark!({
      ...{ topic: 'stills', partition: 0, from: 0, to: 1, mark: 0, final: true },
    });
    expect(sealed.products.map(({ id, fields }) => [id, fields.kind])).toEqual([
      ['stills-0000-000000000000-000000000001-stills', 'stills'],
    ]);
    const [picture, text, json, ...others] = await members(fileOf(sealed.products[0]!));
    expect(picture!.name).toBe('stills-0-000000000000-0.webp');
    expect(text!.bytes.toString()).toBe('a still');
    // Whatever was found when it came in.
    expect(others).toEqual([]);
    const told = JSON.parse(json!.bytes.toString());
    expect(told).toMatchObject({ caption: 'a still', context: '[]', corpus: { documents: 0 } });
    expect(told.prompt.parts).toEqual([{ text: 'a still', image: '', role: '' }]);
    await sealed.afterCommit!();
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  it.skipIf(!hasPython)('writes what Python reads as a tar', async () => {
    const instance = create({ records: 2 });
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
