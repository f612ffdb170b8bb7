import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { endsOf } from '../../src/app/new-records.js';
import { Workspace } from '../../src/app/workspace.js';
import { type CorpusRemoveOptions, corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { corpusSnapshot } from '../../src/cli/commands/corpus-snapshot.js';
import { corpusVerifyRemoved } from '../../src/cli/commands/corpus-verify-removed.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { samplesShow } from '../../src/cli/commands/samples-show.js';
import { samplesVerify } from '../../src/cli/commands/samples-verify.js';
import type { StoredRecord } from '../../src/events/record.js';
import { createEmbedder } from '../../src/models/encoders/built-in/embedder.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { quietLog } from '../operators/run-operator.js';
import { patience, patient } from '../support/patience.js';
import { printed } from './printed.js';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-removal-'));
const media = (name: string) => join(folder, name);

function bring(...names: string[]): void {
  for (const name of names)
    for (const end of [name.endsWith('.mp4') ? 'mp4' : 'png', 'txt']) {
      const from = join(root, 'examples/media', name.endsWith('.mp4') ? 'clips' : 'images', name);
      cpSync(from.replace(/\w+$/, end), media(name.replace(/\w+$/, end)));
    }
}

async function inWorkspace<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await Workspace.open({ topology: media('topology.yaml'), env: {}, log: quietLog });
  try {
    return await work(workspace);
  } finally {
    await workspace.close();
  }
}

/** What a command says, a JSON object a line, and what it gives. */
async function told<T>(command: (workspace: Workspace, out: Writable) => Promise<T>) {
  const out = printed();
  const result = await inWorkspace((workspace) => command(workspace, out));
  return { result, facts: out.text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : [])) };
}

const size = (side: number) => ({ width: side, height: side });
const signal = new AbortController().signal;
const take = (name: string, source: string) =>
  told((workspace, out) => ingest(workspace, [media(name)], { source, json: true, signal }, out)).then(
    ({ facts }) => facts.at(-1).outcomes,
  );
const remove = (names: string[], options: CorpusRemoveOptions = {}) =>
  told((workspace, out) => corpusRemove(workspace, names, { json: true, ...options }, out)).then(({ facts }) => facts);
/** Where something is left; empty: it is absent. */
async function left(name: string): Promise<string[]> {
  const { result, facts } = await told((workspace, out) => corpusVerifyRemoved(workspace, [name], { json: true }, out));
  const places = facts.slice(0, -1).filter(({ stays }) => !stays);
  expect(result).toBe(places.length === 0);
  return places.map(({ place, key, record }) => [place, key ?? record].filter(Boolean).join(' '));
}
const found = (text: string) =>
  inWorkspace(async (workspace) => {
    const corpus = await workspace.corpusIsCurrent();
    const { context } = await corpus.search({ text, mode: 'lexical', k: 5 });
    return context.map(({ caption }) => caption);
  });
const records = (topic: string) =>
  inWorkspace(async (workspace) => {
    const all: StoredRecord[] = [];
    for await (const record of (await workspace.transport()).read(topic)) all.push(record);
    return all;
  });
const shards = async () => (await records('samples')).map(({ value }) => JSON.parse(String(value)));
/** A document that is removed later. */
let late: StoredRecord;
const object = (key: string) => join(folder, '.vimi/objects', key);

beforeAll(async () => {
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replaceAll('partitions: 12', 'partitions: 1');
  writeFileSync(media('topology.yaml'), topology);
  bring('fox.png', 'mushroom.png', 'fox-left-blue.mp4', 'automobile-left-green.mp4');
  const kept = { delivered: 1, rejected: 0, dropped: {} };
  expect(await take('fox.png', 'zoo')).toEqual(kept);
  expect(await take('mushroom.png', 'park')).toEqual(kept);
  // The one finds a removed document, the other is of the removed source itself.
  expect(await take('fox-left-blue.mp4', 'films')).toEqual(kept);
  expect(await take('automobile-left-green.mp4', 'zoo')).toEqual(kept);
  late = (await records('corpus')).find(({ value }) => String(value).includes('"a fox"'))!;
  cpSync(media('.vimi/index'), media('index-of-before'), { recursive: true });
  cpSync(media('.vimi/objects'), media('objects-of-before'), { recursive: true });
}, patience(300));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In order: each goes on with what the one before left.
describe.sequential('what is removed from the corpus', { timeout: patience(300) }, () => {
  it('leaves it, is listed where sealed shards hold it, and leaves them when asked', async () => {
    const before = await shards();
    const dry = await remove(['zoo'], { dryRun: true });
    expect(dry.filter(({ document }) => document)).toHaveLength(2);
    expect(dry.at(-1)).toMatchObject({ documents: 2, removed: false });
    expect(await found('a fox')).toContain('a fox');

    const facts = await remove(['zoo'], { reason: 'opted out' });
    const holding = facts.filter(({ place }) => place === 'shard');
    const objects = facts.filter(({ place }) => place === 'object').length;
    expect(facts.at(-1)).toMatchObject({ documents: 2, objects, shards: 2, removed: true, rewritten: false });
    expect(holding.map(({ samples, contexts }) => [samples.length, contexts.length]).sort()).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(facts.filter(({ place }) => place === 'object').length).toBeGreaterThanOrEqual(2);
    expect(await found('a fox')).not.toContain('a fox');
    expect(await left('zoo')).toEqual(before.map(({ object: { key } }) => `shard ${key}`).sort());

    const later = await remove(['zoo'], { rewriteShards: true });
    expect(later.at(-1)).toMatchObject({ documents: 0, shards: 2, rewritten: true });
    expect(await left('zoo')).toEqual([]);
    const rewritten = (await shards()).filter(({ replaces }) => replaces);
    expect(rewritten.map(({ samples, removed }) => [samples, removed]).sort()).toEqual([
      [0, { samples: 1, contexts: 0 }],
      [1, { samples: 0, contexts: 1 }],
    ]);
    for (const { shard, replaces, range } of rewritten) {
      expect(shard).toBe(`${replaces[0]}-r1`);
      expect(range).toEqual(before.find((one) => one.shard === replaces[0]).range);
    }
    // Nothing of the others went.
    expect(await found('a mushroom')).toContain('a mushroom');
  });

  it('takes what became of its clips along, and the images of those that were dropped', async () => {
    writeFileSync(
      media('dot.png'),
      await sharp({ create: { ...size(8), channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    writeFileSync(media('dot.txt'), 'a red dot');
    expect(await take('dot.png', 'dots')).toEqual({ delivered: 0, rejected: 0, dropped: { 'too-small': 1 } });
    const told = (await records('clips')).findLast(({ value }) => String(value).includes('dot.png'))!;
    const stored = object(`images/${JSON.parse(String(told.value)).clip.object}.webp`);
    expect(existsSync(stored)).toBe(true);

    await remove([], { source: ['dots'] });
    expect(existsSync(stored)).toBe(false);
    expect((await records('clips')).findLast(({ key }) => key?.equals(told.key!))!.value).toBeNull();
    expect(await left('dots')).toEqual([]);
    // One that came later is found.
    await inWorkspace(async (workspace) =>
      (await workspace.transport()).publish([{ ...told, partition: undefined, headers: told.headers }]),
    );
    expect((await left('dots')).map((place) => place.split(' ')[0])).toEqual(['clips']);
    await remove([], { source: ['dots'] });
    expect(await left('dots')).toEqual([]);
  });

  it('leaves shards that can be listed, shown and verified, and a damaged one is found', async () => {
    const verified = () => told((workspace, out) => samplesVerify(workspace, { json: true }, out));
    expect((await verified()).facts).toEqual([{ shards: 1, samples: 1, mistakes: 0 }]);
    const listed = await told((workspace, out) => samplesList(workspace, { json: true }, out));
    expect(listed.facts).toEqual([expect.objectContaining({ source: 'films', context: 0 })]);
    const { key, shard } = listed.facts[0];
    const show = (name: string) =>
      told((workspace, out) => samplesShow(workspace, name, { json: true, out: media('shown') }, out));
    expect((await show(key)).facts[0]).toMatchObject({
      key,
      shard,
      caption: readFileSync(media(`shown/${key}.txt`), 'utf8'),
    });
    await expect(show('media-9-000000000000-0')).rejects.toMatchObject({ code: 'USAGE' });

    const whole = readFileSync(object(shard));
    const index = readFileSync(object(shard.replace('.tar', '.idx')), 'utf8');
    const [, place, size] = / txt (\d+) (\d+) /.exec(index)!;
    expect(whole.subarray(Number(place), Number(place) + Number(size)).toString()).toBe(
      readFileSync(media(`shown/${key}.txt`), 'utf8'),
    );
    const damaged = Buffer.from(whole);
    damaged.write('X', Number(place));
    writeFileSync(object(shard), damaged);
    const { result, facts } = await verified();
    expect(result).toBe(false);
    expect(facts.map(({ mistake }) => mistake).join()).toMatch(/its bytes are others.*\.txt differs from the caption/);
    writeFileSync(object(shard), whole);
    expect((await verified()).result).toBe(true);
  });

  it('does not come again, under its name or any other, until it is allowed', async () => {
    const dropped = { delivered: 0, rejected: 0, dropped: { removed: 1 } };
    expect(await take('fox.png', 'zoo')).toEqual(dropped);
    cpSync(media('fox.png'), media('another.png'));
    writeFileSync(media('another.txt'), 'something else');
    expect(await take('another.png', 'park')).toEqual(dropped);
    bring('balloon-grow-black.mp4');
    expect(await take('balloon-grow-black.mp4', 'zoo')).toEqual(dropped);
  });

  it('is found wherever a copy is planted, by name', async () => {
    const [image] = (await records('removals'))
      .flatMap(({ value }) => (value ? [JSON.parse(String(value)).image] : []))
      .filter(Boolean);
    const old = readFileSync(media(`objects-of-before/images/${image}.webp`));
    mkdirSync(object('elsewhere'), { recursive: true });
    writeFileSync(object('elsewhere/thumbnail.webp'), old);
    cpSync(media('fox.png'), object('elsewhere/original.png'));
    expect((await left('zoo')).sort()).toEqual(['object elsewhere/original.png', 'object elsewhere/thumbnail.webp']);
    // What vimi did not store it names, and leaves to its owner.
    expect(await remove(['zoo'])).toEqual(
      expect.arrayContaining([{ place: 'object', key: 'elsewhere/original.png', removed: false }]),
    );
    rmSync(object('elsewhere'), { recursive: true });

    for (const {
      object: { key },
    } of (await shards()).filter(({ replaces }) => !replaces)) {
      cpSync(media(`objects-of-before/${key}`), object(key));
      expect(await left('zoo')).toEqual([`shard ${key}`]);
      // One that was replaced is a leftover.
      await remove(['zoo']);
      expect(await left('zoo')).toEqual([]);
    }

    const staged = 'staging/media/0/000000000099-0-0f1e2d3c.sample';
    mkdirSync(object('staging/media/0'), { recursive: true });
    const facts = { layout: 2, prompt: { task: 'text-to-video', instruction: '', parts: [] }, context: '[]' };
    const provenance = { uri: 'u', source: 'zoo', licence: 'l', sha256: '0'.repeat(64) };
    const clip = { key: 'clips/x', size: 1, sha256: '0'.repeat(64), media_type: 'video/mp4' };
    writeFileSync(
      object(staged),
      JSON.stringify({ name: 'n', caption: 'c', facts: JSON.stringify({ ...facts, provenance }), clip, images: [] }),
    );
    expect(await left('zoo')).toEqual([`staged ${staged}`]);
    await remove(['zoo']);
    expect(await left('zoo')).toEqual([]);
  });

  it('leaves again when a document of it comes late, or an index of before is restored', async () => {
    const { topic, key, value, headers } = late;
    await inWorkspace(async (workspace) => {
      const transport = await workspace.transport();
      // Nobody follows yet: the record stands on the topic.
      const [place] = await transport.publish([{ topic, key, value, headers }]);
      const { corpus } = await workspace.corpus();
      await vi.waitFor(async () => {
        const last = await lastOf(workspace, topic, key!);
        expect([last.value, last.offset]).toEqual([null, place!.offset + 1]);
      }, patient);
      expect(await corpus.find({ source: 'zoo' })).toEqual([]);
    });
    expect(await left('zoo')).toEqual([]);

    // The log has no tombstone left that it would meet: it stands behind them all.
    rmSync(media('.vimi/index'), { recursive: true });
    cpSync(media('index-of-before'), media('.vimi/index'), { recursive: true });
    const ends = await inWorkspace(async (workspace) => endsOf(await workspace.transport(), 'corpus'));
    const restored = await openCorpus({ folder: media('.vimi/index'), embedder: createEmbedder(), log: quietLog });
    const behind = Object.entries(ends).filter(([, end]) => end > 0);
    await restored.apply(
      behind.map(([at, end]) => ({ partition: Number(at), offset: end - 1, id: '', document: null })),
    );
    expect(await restored.find({ source: 'zoo' })).toHaveLength(2);
    await restored.close();
    expect(await found('a fox')).not.toContain('a fox');
    expect(await left('zoo')).toEqual([]);
  });

  it('may come again once it is allowed', async () => {
    expect(await remove(['zoo'], { lift: true })).toEqual([{ kind: 'source', value: 'zoo', lifted: true }]);
    expect(await take('fox.png', 'zoo')).toEqual({ delivered: 1, rejected: 0, dropped: {} });
    expect(await left('zoo')).toEqual(expect.arrayContaining(['removals']));
    await expect(remove(['no such source'])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(remove([])).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('tells which events stay on their topics, and for how long', async () => {
    const proof = () => told((workspace, out) => corpusVerifyRemoved(workspace, ['zoo'], { json: true }, out));
    const events = (await proof()).facts.filter(({ place }) => place === 'events');
    expect(events).toEqual([
      {
        ...{ place: 'events', topic: 'media', records: expect.any(Number), stays: true, retention_ms: null },
        holds: 'address and caption, as the sender published them',
      },
    ]);
    const all = (await records('media')).filter(({ value }) => JSON.parse(String(value)).source === 'zoo');
    expect(events[0].records).toBe(all.length);
    const out = printed();
    await inWorkspace((workspace) => corpusVerifyRemoved(workspace, ['zoo'], {}, out));
    expect(out.text).toContain('kept for ever, since the topic has no retention');
  });

  it('leaves the snapshots of the index, and none brings it back', async () => {
    const snapshots = async (options: object = {}) =>
      (await told((workspace, out) => corpusSnapshot(workspace, { json: true, ...options }, out))).facts;
    const inSnapshots = async () => (await left('zoo')).filter((place) => place.startsWith('snapshot'));
    const [made] = await snapshots();
    expect(made).toMatchObject({ stored: true, documents: expect.any(Number) });
    expect((await snapshots())[0]).toMatchObject({ snapshot: made.snapshot, stored: false });
    cpSync(object('index'), media('snapshots-of-before'), { recursive: true });

    const facts = await remove(['zoo']);
    expect(facts.filter(({ place }) => place === 'snapshot')).toMatchObject([{ key: made.snapshot, removed: true }]);
    const [clean, ...others] = await snapshots({ list: true });
    expect(others).toEqual([]);
    expect(clean.snapshot).not.toBe(made.snapshot);
    expect(clean.documents).toBe(made.documents - 1);
    expect(await inSnapshots()).toEqual([]);

    // One that was planted is found by the proof, and of no use to a new machine.
    rmSync(object('index'), { recursive: true });
    cpSync(media('snapshots-of-before'), object('index'), { recursive: true });
    expect(await inSnapshots()).toEqual([`snapshot ${made.snapshot}`]);
    rmSync(media('.vimi/index'), { recursive: true });
    const log = { ...quietLog, info: (_: object, message?: string) => lines.push(message!) };
    const lines: string[] = [];
    const workspace = await Workspace.open({
      topology: media('topology.yaml'),
      env: {},
      log: log as unknown as typeof quietLog,
    });
    const corpus = await workspace.corpusIsCurrent();
    expect(lines).toContain('The corpus index begins with a snapshot');
    expect(await corpus.find({ source: 'zoo' })).toEqual([]);
    await workspace.close();
    expect(await found('a fox')).not.toContain('a fox');
    await remove(['zoo']);
    expect(await inSnapshots()).toEqual([]);
  });

  it('goes by a path as a person gives it, and so do the proof and the way back', async () => {
    const uri = [relative(process.cwd(), media('mushroom.png'))];
    const isAbsent = async () =>
      (await told((workspace, out) => corpusVerifyRemoved(workspace, [], { uri, json: true }, out))).result;
    const gone = (await remove([], { uri })).filter(({ document }) => document);
    expect(gone).toMatchObject([{ caption: 'a mushroom', uri: media('mushroom.png') }]);
    expect(await found('a mushroom')).not.toContain('a mushroom');
    expect(await isAbsent()).toBe(true);
    const lifted = await remove([], { uri, lift: true });
    const path = media('mushroom.png');
    expect(lifted.map(({ value }) => value)).toEqual([uri[0], pathToFileURL(path).href, path]);
    expect(await isAbsent()).toBe(false);
    await expect(remove([], { uri, lift: true })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

async function lastOf(workspace: Workspace, topic: string, key: Buffer): Promise<StoredRecord> {
  let last: StoredRecord | undefined;
  for await (const record of (await workspace.transport()).read(topic)) if (record.key?.equals(key)) last = record;
  return last!;
}
