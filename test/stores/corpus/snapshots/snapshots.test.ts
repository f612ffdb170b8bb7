import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SqliteFile } from '../../../../src/core/sqlite.js';
import { type EmbeddedCorpus, openCorpus } from '../../../../src/stores/corpus/index/open-corpus.js';
import { claimSnapshot } from '../../../../src/stores/corpus/snapshots/claim.js';
import type { Manifest } from '../../../../src/stores/corpus/snapshots/manifest.js';
import { pruneSnapshots } from '../../../../src/stores/corpus/snapshots/prune.js';
import { type RestoreOptions, restoreSnapshot } from '../../../../src/stores/corpus/snapshots/restore.js';
import {
  type StoredSnapshot,
  storedSnapshots,
  storeSnapshot,
} from '../../../../src/stores/corpus/snapshots/stored-snapshot.js';
import { memoryObjects } from '../../../../src/stores/objects/memory.js';
import type { ObjectStore } from '../../../../src/stores/objects/object-store.js';
import { quietLog, thrownBy } from '../../../operators/run-operator.js';
import { patient } from '../../../support/patience.js';
import { captions, corpusDocument, embedder, query, records } from '../corpus-documents.js';

const folders: string[] = [];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'vimi-snapshot-')));
  return folders.at(-1)!;
};

const { name, dimensions } = embedder;
const encoder = { name, dimensions };
const topic = 'corpus';
const now = Date.parse('2026-11-30T12:00:00Z');
const hour = 3_600_000;
const documents = captions.map((caption) => corpusDocument(caption));
const removed = corpusDocument('a film that its maker took back');

/** Graphs from the fifth document on. */
function open(
  path: string,
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void } = quietLog,
) {
  return openCorpus({ folder: path, embedder: encoder, exactUpTo: 4, log });
}

async function store(corpus: EmbeddedCorpus, objects: ObjectStore, current = now, of: Partial<Manifest> = {}) {
  const copy = await corpus.copyTo(join(folder(), 'copy'));
  return {
    copy,
    ...(await storeSnapshot(objects, `${folders.at(-1)}/copy`, copy, {
      topic,
      encoder,
      current: new Date(current).toISOString(),
      ...of,
    })),
  };
}

/** What became of it, and what the log says of it. */
async function restore(objects: ObjectStore, changes: Partial<RestoreOptions> = {}) {
  const lines: string[] = [];
  const line = (fields: object, message: string) => lines.push(`${message} ${JSON.stringify(fields)}`);
  const path = join(folder(), 'index');
  const restored = await restoreSnapshot({
    ...{ objects, folder: path, topic, encoder, usableMs: 24 * hour, now: () => now },
    ends: [{ partition: 0, high: 100 }],
    log: { info: line, warn: line },
    ...changes,
  });
  return { path, restored, lines };
}

describe('a snapshot of the index', () => {
  const objects = memoryObjects();
  const path = folder();
  let corpus: EmbeddedCorpus;
  let snapshot: Awaited<ReturnType<typeof store>>;
  beforeAll(async () => {
    corpus = await open(path);
    await corpus.apply(records([...documents.slice(0, 8), removed]));
    await corpus.apply([{ partition: 0, offset: 9, id: removed.id, document: null }]);
    snapshot = await store(corpus, objects);
  });
  afterAll(() => corpus.close());

  it('answers as the index does, stands where it stood, and goes on from there', async () => {
    const { path: other, restored } = await restore(objects);
    expect(restored?.id).toBe(snapshot.id);
    const lines: string[] = [];
    const line = (_: object, message: string) => lines.push(message);
    const again = await open(other, { info: line, warn: line });
    expect(await again.positions()).toEqual({ 0: 10 });
    expect(await again.state()).toEqual(await corpus.state());
    for (const text of ['a fox', 'a train', 'boats at night'])
      expect(await again.search(query(text))).toEqual(await corpus.search(query(text)));
    // The graphs were not made again.
    expect(lines).toEqual([]);
    await again.apply(records(documents.slice(8), 10));
    expect((await again.search(query('a violin'))).context[0]?.caption).toBe(captions[8]);
    expect((await corpus.search(query('a violin'))).context[0]?.caption).not.toBe(captions[8]);
    await again.close();
  });

  it('is a birth of its own: who fed the other reads its positions first', async () => {
    const epochs = await Promise.all([restore(objects), restore(objects)]);
    const read = (at: string) =>
      new SqliteFile(join(at, 'corpus.sqlite')).prepare('SELECT json FROM state').pluck().get();
    const found = [path, ...epochs.map((one) => one.path)].map((at) => JSON.parse(String(read(at))).epoch);
    expect(new Set(found).size).toBe(3);
  });

  it('has nothing of what was removed: neither words nor vectors', async () => {
    const { caption, image } = removed.embeddings;
    const traces = [
      'film',
      'maker',
      ...[caption, image].map((vector) => Buffer.from(Float32Array.from(vector.slice(0, 16)).buffer)),
    ];
    const kept = documents[0]!.embeddings;
    const present = [
      'fox',
      ...[kept.caption, kept.image].map((vector) => Buffer.from(Float32Array.from(vector.slice(0, 16)).buffer)),
    ];
    const all = Buffer.concat(await Promise.all(snapshot.keys.map((key) => objects.get(key))));
    expect(traces.map((one) => all.includes(one))).toEqual(traces.map(() => false));
    expect(present.map((one) => all.includes(one))).toEqual(present.map(() => true));
  });

  it('is taken by one of the processes that open a folder at once', async () => {
    const shared = join(folder(), 'index');
    const both = await Promise.all([restore(objects, { folder: shared }), restore(objects, { folder: shared })]);
    expect(both.filter(({ restored }) => restored)).toHaveLength(1);
    expect(readdirSync(shared).filter((one) => one.startsWith('restoring-'))).toEqual([]);
    expect(await restore(objects, { folder: shared })).toMatchObject({ restored: null, lines: [] });
  });

  it('is of the documents alone where a corpus is small', async () => {
    const small = await open(folder());
    await small.apply(records(documents.slice(0, 2)));
    const own = memoryObjects();
    const { copy } = await store(small, own);
    await small.close();
    expect(copy.files.map((file) => file.name)).toEqual(['corpus.sqlite']);
    const { path: other } = await restore(own);
    const again = await open(other);
    expect((await again.search(query('a fox'))).context[0]?.caption).toBe(captions[0]);
    await again.close();
  });
});

/** Objects with one snapshot, and what changes it before it is read. */
async function stored(changes: Partial<Manifest> = {}, current = now) {
  const objects = memoryObjects();
  const corpus = await open(folder());
  await corpus.apply(records(documents));
  const snapshot = await store(corpus, objects, current);
  await corpus.close();
  if (Object.keys(changes).length > 0) await rewriteManifest(objects, snapshot, changes);
  return { objects, snapshot };
}

const manifestKey = ({ keys }: StoredSnapshot) => keys.find((key) => key.endsWith('manifest.json'))!;
const rewriteManifest = (objects: ObjectStore, snapshot: StoredSnapshot, changes: object) =>
  objects.put(manifestKey(snapshot), Buffer.from(JSON.stringify({ ...snapshot.manifest, ...changes })), {
    mediaType: 'application/json',
  });

/** Puts other bytes in the place of a file, with a manifest that announces them. */
async function replaceFile(
  objects: ObjectStore,
  snapshot: StoredSnapshot,
  file: string,
  bytes: Buffer,
  announced = true,
) {
  const key = snapshot.keys.find((one) => one.endsWith(`/${file}`))!;
  await objects.put(key, bytes, { mediaType: 'application/octet-stream' });
  if (!announced) return;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const files = snapshot.manifest!.files.map((one) =>
    one.name === file ? { ...one, size: bytes.length, sha256 } : one,
  );
  await rewriteManifest(objects, snapshot, { files });
}

const database = (objects: ObjectStore, { keys }: StoredSnapshot) =>
  objects.get(keys.find((key) => key.endsWith('corpus.sqlite'))!);

async function changedDatabase(
  objects: ObjectStore,
  snapshot: StoredSnapshot,
  change: (sqlite: Database.Database) => void,
) {
  const file = join(folder(), 'changed.sqlite');
  await writeFile(file, await database(objects, snapshot));
  const sqlite = new SqliteFile(file);
  change(sqlite);
  sqlite.close();
  await replaceFile(objects, snapshot, 'corpus.sqlite', readFileSync(file));
}

describe('what cannot be used is passed over with one line', () => {
  const cases: [
    what: string,
    damage: (objects: ObjectStore, snapshot: StoredSnapshot) => Promise<unknown>,
    says: string,
  ][] = [
    [
      'a file that ends early',
      async (objects, one) =>
        replaceFile(objects, one, 'corpus.sqlite', (await database(objects, one)).subarray(0, -1), false),
      'OBJECT_DAMAGED',
    ],
    [
      'a file that goes on',
      async (objects, one) =>
        replaceFile(
          objects,
          one,
          'corpus.sqlite',
          Buffer.concat([await database(objects, one), Buffer.alloc(1)]),
          false,
        ),
      'more',
    ],
    [
      'a byte that turned',
      async (objects, one) => {
        const bytes = Buffer.from(await database(objects, one));
        bytes[bytes.length >> 1]! ^= 1;
        await replaceFile(objects, one, 'corpus.sqlite', bytes, false);
      },
      'OBJECT_DAMAGED',
    ],
    [
      'a file that is gone',
      (objects, one) => objects.remove(one.keys.find((key) => key.endsWith('roster.index'))!),
      'OBJECT_NOT_FOUND',
    ],
    [
      'no database at all',
      (objects, one) => replaceFile(objects, one, 'corpus.sqlite', Buffer.from('nonsense')),
      'INDEX_DAMAGED',
    ],
    [
      'a row that was changed',
      (objects, one) => changedDatabase(objects, one, (sqlite) => sqlite.exec("UPDATE documents SET caption = 'x'")),
      'INDEX_DAMAGED',
    ],
    [
      'a trigger of a stranger',
      (objects, one) =>
        changedDatabase(objects, one, (sqlite) =>
          sqlite.exec('CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM removals; END'),
        ),
      'other tables',
    ],
    ...(
      [
        ['a graph with a link to nowhere', 96 + 4, 0xffffff],
        ['a graph whose entry is nowhere', 52, 0xffffff],
        ['a graph that wants all memory', 12, 0xffffff],
        ['a graph of more points than it has', 16, 4000],
      ] as const
    ).map(([what, at, value]): (typeof cases)[number] => [
      what,
      async (objects, one) => {
        const bytes = await objects.get(one.keys.find((key) => key.endsWith('caption.index'))!);
        bytes.writeUInt32LE(value, at);
        await replaceFile(objects, one, 'caption.index', bytes);
      },
      'vector graph',
    ]),
    [
      'a state of other positions',
      (objects, one) => rewriteManifest(objects, one, { positions: { 0: 3 } }),
      'INDEX_FOREIGN',
    ],
    [
      'a manifest that is none',
      (objects, one) => objects.put(manifestKey(one), Buffer.from('{'), { mediaType: 'x/y' }),
      'no JSON',
    ],
    [
      'a manifest of a newer vimi',
      (objects, one) => rewriteManifest(objects, one, { format: 2, new: true }),
      'newer vimi',
    ],
    [
      'a manifest that names other files',
      (objects, one) =>
        rewriteManifest(objects, one, { files: [{ name: '../../x', size: 1, sha256: '0'.repeat(64) }] }),
      'INDEX_DAMAGED',
    ],
    [
      'sizes that no disk has',
      (objects, one) =>
        rewriteManifest(objects, one, {
          files: one.manifest!.files.map((file) => (file.name === 'snapshot.json' ? file : { ...file, size: 2 ** 50 })),
        }),
      'STORAGE_FULL',
    ],
    [
      'another encoder',
      (objects, one) => rewriteManifest(objects, one, { encoder: { ...encoder, name: 'another' } }),
      'INDEX_FOREIGN',
    ],
    [
      'a newer layout',
      (objects, one) => rewriteManifest(objects, one, { layout: { database: 99, memory: 1 } }),
      'layout',
    ],
    ['another topic', (objects, one) => rewriteManifest(objects, one, { topic: 'another' }), 'INDEX_FOREIGN'],
    [
      'a position that the topic has not',
      (objects, one) => rewriteManifest(objects, one, { positions: { 0: 101 } }),
      'position 100',
    ],
    [
      'an age in which removals were forgotten',
      (objects, one) => rewriteManifest(objects, one, { current: new Date(now - 25 * hour).toISOString() }),
      '25 h',
    ],
    [
      'a time to come',
      (objects, one) => rewriteManifest(objects, one, { current: new Date(now + 2 * hour).toISOString() }),
      'the past',
    ],
  ];
  it.each(cases)('%s', async (_, damage, says) => {
    const { objects, snapshot } = await stored();
    await damage(objects, snapshot);
    const { restored, lines, path } = await restore(objects);
    expect(restored).toBeNull();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(says);
    expect(lines[0]).toContain(snapshot.id);
    // The topic fills it: nothing is left in the way.
    expect(readdirSync(path).sort()).toEqual(['encoder', 'restoring.lock']);
  });

  it('and the one before it is used', async () => {
    const objects = memoryObjects();
    const corpus = await open(folder());
    await corpus.apply(records(documents.slice(0, 5)));
    const first = await store(corpus, objects, now - hour);
    await corpus.apply(records(documents.slice(5), 5));
    const second = await store(corpus, objects);
    await corpus.close();
    expect((await restore(objects)).restored?.id).toBe(second.id);
    await objects.remove(second.keys.find((key) => key.endsWith('corpus.sqlite'))!);
    const { restored, lines } = await restore(objects);
    expect(restored?.id).toBe(first.id);
    expect(lines).toHaveLength(2);
  });

  it('but for a folder of another encoder, which is an error', async () => {
    const { objects } = await stored();
    const { path } = await restore(objects);
    const wrong = { folder: path, encoder: { ...encoder, name: 'another' } };
    expect((await thrownBy(() => restore(objects, wrong))).code).toBe('INDEX_OF_OTHER_ENCODER');
  });

  it('and files of what is kept in memory are made again where their layout is another', async () => {
    const { objects, snapshot } = await stored();
    await rewriteManifest(objects, snapshot, { layout: { ...snapshot.manifest!.layout, memory: 99 } });
    const { path, restored } = await restore(objects);
    expect(restored?.id).toBe(snapshot.id);
    expect(existsSync(join(path, 'snapshot/snapshot.json'))).toBe(false);
  });
});

describe('the store of snapshots', () => {
  it('keeps two of each encoder, none that is too old, and nothing that a dead writer left', async () => {
    const objects = memoryObjects();
    const corpus = await open(folder());
    await corpus.apply(records(documents));
    const at = (hours: number, of: Partial<Manifest> = {}) => store(corpus, objects, now - hours * hour, of);
    const [one, two, , old] = [await at(1), await at(2), await at(3), await at(30)];
    const other = await at(4, { encoder: { ...encoder, name: 'another' } });
    await corpus.close();
    await objects.remove(manifestKey(old));
    const later = Date.now() + 25 * hour;
    await claimSnapshot(objects, { topic, after: null, now });
    await pruneSnapshots(objects, { topic, usableMs: 24 * hour, now });
    expect((await storedSnapshots(objects, topic)).unfinished).toHaveLength(old.keys.length - 1);
    await pruneSnapshots(objects, { topic, usableMs: later - now + 24 * hour, now: later });
    const { snapshots, unfinished } = await storedSnapshots(objects, topic);
    expect(snapshots.map(({ id }) => id)).toEqual([one.id, two.id, other.id]);
    expect(unfinished).toEqual([]);
    const left: string[] = [];
    for await (const key of objects.list('')) left.push(key);
    expect(left.sort()).toEqual([one, two, other].flatMap(({ keys }) => keys).sort());
  });

  it('lets one of several processes make the next, and another when that one died', async () => {
    const objects = memoryObjects();
    const claim = (who: string, at = Date.now(), after: string | null = null) =>
      claimSnapshot(objects, { topic, after, who, now: at });
    const claims = await Promise.all(['a', 'b', 'c'].map((who) => claim(who)));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await claim('d', Date.now(), 'another')).not.toBeNull();
    expect(await claim('e')).toBeNull();
    const late = await claim('e', Date.now() + 2 * hour);
    expect(late).not.toBeNull();
    await late!.release();
    expect(await claim('f')).not.toBeNull();
  });

  it('renews a claim for as long as it is held, and leaves that of another alone', async () => {
    const objects = memoryObjects();
    const held = (await claimSnapshot(objects, { topic, after: null, who: 'a', now: Date.now(), renewMs: 5 }))!;
    const keys: string[] = [];
    for await (const key of objects.list('')) keys.push(key);
    const [key] = keys as [string];
    const first = (await objects.changedAt(key))!;
    await vi.waitFor(async () => expect(await objects.changedAt(key)).toBeGreaterThan(first), patient);
    // Another took it over, for this one was silent.
    await objects.put(key, Buffer.from('b\n'), { mediaType: 'text/plain' });
    await held.release();
    expect((await objects.get(key)).toString()).toBe('b\n');
  });
});
