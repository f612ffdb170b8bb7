import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asVimiError, VimiError } from '../../core/errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { ClipSettled, CorpusDocument, SchemaName, VideoCompleted } from '../../events/schemas.js';
import { readStaged, stagedAt } from '../../operators/corpus/staged-sample.js';
import type { Corpus } from '../../stores/corpus/corpus.js';
import type { KeyTable } from '../../stores/key-table.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { type RemovalTable, removableEntry, removableOf } from '../../stores/removals/removals.js';
import { corpusRecord } from '../corpus.js';
import { type KeyTables, openKeyTables } from '../key-tables.js';
import { shardSamples } from '../samples/shard-samples.js';
import type { Workspace } from '../workspace.js';
import { inSnapshots, type SnapshotPlace } from './in-snapshots.js';
import { removalFilters } from './removal-filters.js';
import { factsTrace, type SampleTrace, sampleTrace } from './sample-trace.js';

/** Somewhere that something of a removal was found. */
export type Place =
  | { in: 'index'; document: string }
  /** A document on the topic. `superseded`: a newer record of its key is there, and the log will be rid of it. */
  | { in: 'topic'; where: string; document: CorpusDocument; superseded: boolean }
  /** What became of a clip: its address, caption and scores. `superseded` as above. */
  | { in: 'clips'; where: string; topic: string; key: string; superseded: boolean }
  | { in: 'staged'; key: string; trace: SampleTrace }
  | { in: 'shard'; key: string; samples: string[]; contexts: string[] }
  | { in: 'object'; key: string }
  | SnapshotPlace
  /** An index that was put aside as damaged: what it holds cannot be told. */
  | { in: 'folder'; path: string }
  /** It may hold anything. */
  | { in: 'unreadable'; key: string; error: string };

/**
 * Every place where vimi keeps something that a table of removals covers: the index here, the topic of documents, what became
 * of clips, snapshots of the index, samples that wait, shards (whether an event names them or not), objects by their bytes, and media that came over HTTP.
 * Originals under media_roots are not vimi's.
 */
export async function* placesOf(workspace: Workspace, removed: RemovalTable): AsyncGenerator<Place> {
  const tables = await openKeyTables(workspace);
  try {
    yield* inIndex(await workspace.corpusIsCurrent(), removed, tables);
    yield* inSnapshots(workspace, removed);
    yield* onTopic(workspace, removed, tables);
    /** Also of clips that were dropped, which no document tells of. */
    const objects = tables.make();
    yield* amongClips(workspace, removed, objects, tables);
    yield* amongObjects(await workspace.objects(), removed, objects);
  } finally {
    await tables.close();
  }
  const { search } = workspace.topology.profile;
  if (search.type === 'embedded') yield* putAside(search.path);
}

async function* inIndex(corpus: Corpus, removed: RemovalTable, tables: KeyTables): AsyncGenerator<Place> {
  const found = tables.make();
  for (const removal of removed.all())
    for (const filter of removalFilters(removal))
      for (const { document } of await corpus.find(filter)) found.set(document);
  for (const [document] of found.entries()) yield { in: 'index', document };
}

async function* onTopic(workspace: Workspace, removed: RemovalTable, tables: KeyTables): AsyncGenerator<Place> {
  const transport = await workspace.transport();
  const topic = workspace.corpusTopic();
  const newest = tables.make();
  /** By place. */
  const found = tables.make();
  for await (const record of transport.read(topic)) {
    if (record.key) newest.set(record.key.toString(), placeName(record));
    const document = corpusRecord(record)?.document;
    if (document && removed.of(removableOf(document))) found.set(placeName(record), JSON.stringify(document));
  }
  for (const [where, json] of found.entries()) {
    const document: CorpusDocument = JSON.parse(json);
    yield { in: 'topic', where, document, superseded: newest.get(document.id) !== where };
  }
}

/** Adds the hashes of what the clips were stored as to `objects`, and the addresses of what they came from. */
async function* amongClips(
  workspace: Workspace,
  removed: RemovalTable,
  objects: KeyTable,
  tables: KeyTables,
): AsyncGenerator<Place> {
  const transport = await workspace.transport();
  for (const topic of workspace.anyTopicsWith('clip.settled')) {
    const newest = tables.make();
    /** By place. */
    const found = tables.make();
    for await (const record of transport.read(topic)) {
      const key = record.key?.toString() ?? '';
      const where = placeName(record);
      newest.set(key, where);
      const clip = clipIn(record);
      if (!clip) continue;
      const { uri, source, licence, clip: stored } = clip;
      const hashes = { image: stored.keyframe, clip: stored.object };
      if (!removed.of({ uri, ...(source && { source }), ...(licence && { licence }), ...hashes })) continue;
      // A duplicate is stored as what it is a duplicate of, which may stay.
      if (clip.duplicate_of === undefined) for (const known of [uri, ...Object.values(hashes)]) objects.set(known);
      found.set(where, key);
    }
    for (const [where, key] of found.entries())
      yield { in: 'clips', where, topic, key, superseded: newest.get(key) !== where };
  }
}

function clipIn(record: StoredRecord): ClipSettled | null {
  if (record.value === null) return null;
  return eventIn<ClipSettled>(record, 'clip.settled');
}

async function* amongObjects(objects: ObjectStore, removed: RemovalTable, known: Known): AsyncGenerator<Place> {
  for await (const key of objects.list('')) yield* placesAt(key, objects, removed, known);
}

type Known = Pick<KeyTable, 'has'>;

/** Of one object. `known`: hashes and addresses of what may go with it. */
export async function* placesAt(
  key: string,
  objects: ObjectStore,
  removed: RemovalTable,
  known: Known = new Set<string>(),
): AsyncGenerator<Place> {
  try {
    if (stagedAt(key)) yield* inStaged(key, objects, removed);
    else if (key.endsWith('.tar')) yield* inShard(key, objects, removed);
    else {
      const sha256 = (await objects.stat(key))?.sha256;
      if (sha256 === undefined) return;
      const thing = { image: sha256, clip: sha256, file: sha256, uri: `object:${key}` };
      if (known.has(sha256) || known.has(thing.uri) || removed.of(thing)) yield { in: 'object', key };
    }
  } catch (thrown) {
    const error = asVimiError(thrown);
    // It was sealed, merged or removed meanwhile.
    if (error.code === 'OBJECT_NOT_FOUND') return;
    if (error.code !== 'OBJECT_DAMAGED') throw thrown;
    yield { in: 'unreadable', key, error: error.message };
  }
}

async function* inStaged(key: string, objects: ObjectStore, removed: RemovalTable): AsyncGenerator<Place> {
  const { facts, clip } = readStaged(await objects.get(key), key);
  const trace = factsTrace(facts, clip.sha256, removed);
  if (trace) yield { in: 'staged', key, trace };
}

async function* inShard(key: string, objects: ObjectStore, removed: RemovalTable): AsyncGenerator<Place> {
  const samples: string[] = [];
  const contexts: string[] = [];
  for await (const sample of shardSamples(key, objects)) {
    const trace = await sampleTrace(sample, removed);
    if (trace) (trace === 'sample' ? samples : contexts).push(sample.key);
  }
  if (samples.length + contexts.length > 0) yield { in: 'shard', key, samples, contexts };
}

async function* putAside(folder: string): AsyncGenerator<Place> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (name.endsWith('.damaged')) yield { in: 'folder', path: join(folder, name) };
}

/** The videos whose context holds something of it: they are listed, and stay. */
export async function* videosOf(workspace: Workspace, removed: RemovalTable): AsyncGenerator<VideoCompleted> {
  const transport = await workspace.transport();
  for (const { name, schemas } of workspace.topology.topics.values()) {
    if (!schemas.includes('video.completed')) continue;
    for await (const record of transport.read(name)) {
      const video = videoIn(record);
      if (video?.context.some((entry) => removed.of(removableEntry(entry)))) yield video;
    }
  }
}

function videoIn(record: StoredRecord): VideoCompleted | null {
  return eventIn<VideoCompleted>(record, 'video.completed');
}

function eventIn<T>(record: StoredRecord, schema: SchemaName): T | null {
  try {
    return decodeEvent(record, [schema]).data as T;
  } catch (thrown) {
    // Of a stranger, or another event of the topic.
    if (thrown instanceof VimiError) return null;
    throw thrown;
  }
}

function placeName({ topic, partition, offset }: StoredRecord): string {
  return `${topic}/${partition}/${offset}`;
}
