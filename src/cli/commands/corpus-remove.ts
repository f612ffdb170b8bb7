import { openKeyTables } from '../../app/key-tables.js';
import type { SnapshotPlace } from '../../app/removal/in-snapshots.js';
import { type Place, placesAt, placesOf, videosOf } from '../../app/removal/places.js';
import {
  documentRemoval,
  documentTombstone,
  removalRecord,
  removedDocument,
} from '../../app/removal/removal-records.js';
import { tableOf } from '../../app/removal/removal-table.js';
import { rewriteShard } from '../../app/removal/rewrite-shard.js';
import { changeShards, type ShardChanges } from '../../app/samples/change-shards.js';
import { allShards, shardsOf } from '../../app/samples/live-shards.js';
import { removeShard } from '../../app/samples/stored-shard.js';
import { isUploadKey } from '../../app/uploads.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { VimiError } from '../../core/errors.js';
import type { CorpusDocument, CorpusRemoved, RemovalTarget, SamplesSealed } from '../../events/schemas.js';
import { removeSnapshot } from '../../stores/corpus/snapshots/stored-snapshot.js';
import { type RemovalTable, removalKey } from '../../stores/removals/removals.js';
import { isSame, removalTargets, type TargetOptions, targetName, targetNames } from './removal-targets.js';

export interface CorpusRemoveOptions extends TargetOptions {
  /** Kept with the removal. */
  reason?: string;
  /** Shards that hold something of it are written anew without it. */
  rewriteShards?: boolean;
  /** Takes removals back: what they named may come again. */
  lift?: boolean;
  /** Lists what would be done, and does nothing. */
  dryRun?: boolean;
  json?: boolean;
}

/**
 * Removes sources, licences, media or documents from the corpus for good: first it is recorded that they stay out, and
 * what went; then their documents get a tombstone each, and samples that wait, images and clips are removed. Shards that
 * hold something of them are listed, or written anew; videos that were grounded in them are listed. What was interrupted is
 * finished by the same command. USAGE for a name that nothing has, unless an option says what it is.
 */
export async function corpusRemove(
  workspace: Workspace,
  names: string[],
  options: CorpusRemoveOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { reason, lift = false, dryRun = false, json = false } = options;
  const targets = removalTargets(names, options);
  const topics = workspace.removalTopics();
  const removals = await workspace.removals();
  const transport = await workspace.transport();
  if (lift) return takeBack(workspace, targets, { dryRun, json }, out);

  const documents = await documentsOf(workspace, targets, names, json ? null : out);
  const removed: CorpusRemoved[] = [];
  const tables = await openKeyTables(workspace);
  try {
    // All of them are read before anything is published: the index may not give them any more afterwards.
    const lines = tables.make();
    for await (const { document, target } of documentsAt(workspace, documents)) {
      removed.push(removedDocument(document, target, reason));
      lines.set(document.id, documentLine(document, { json, removed: !dryRun }));
    }
    if (!dryRun) {
      const rules = targets
        .filter(({ kind }) => kind !== 'document')
        .map((target) =>
          removalRecord(topics.removals, target, { ...target, ...(reason !== undefined && { reason }) }),
        );
      // Before any document goes: what is under way meets it, and nothing that was noted is needed again.
      await transport.publish(rules);
      for (const some of parts(removed))
        await transport.publish(some.map((one) => removalRecord(topics.removals, one, one)));
      for (const some of parts(removed))
        await transport.publish(some.map(({ value }) => documentTombstone(topics, value)));
    }
    for (const [, line] of lines.entries()) out.write(line);
  } finally {
    await tables.close();
  }
  if (!dryRun) await removals.caughtUp();
  const work = new Removal(workspace, tableOf(targets, removals, removed), options, out);
  await work.everywhere();
  await work.summary(removed.length);
}

interface FoundDocument {
  document: CorpusDocument;
  target: RemovalTarget;
}

/** Records that are published at once. */
const together = 500;

function* parts<T>(list: readonly T[]): Generator<T[]> {
  for (let n = 0; n < list.length; n += together) yield list.slice(n, n + together);
}

/** One after the other: each has its embeddings. */
async function* documentsAt(
  workspace: Workspace,
  documents: ReadonlyMap<string, RemovalTarget>,
): AsyncGenerator<FoundDocument> {
  const corpus = await workspace.corpusIsCurrent();
  for (const [id, target] of documents) {
    const document = await corpus.get(id);
    if (document) yield { document, target };
  }
}

/** By id: the documents that the targets name, and which of them. */
async function documentsOf(
  workspace: Workspace,
  targets: readonly RemovalTarget[],
  names: readonly string[],
  out: NodeJS.WritableStream | null,
): Promise<Map<string, RemovalTarget>> {
  const corpus = await workspace.corpusIsCurrent();
  const removals = await workspace.removals();
  const found = new Map<string, RemovalTarget>();
  const unknown: RemovalTarget[] = [];
  for (const target of targets) {
    const { kind, value } = target;
    const documents = await corpus.find(kind === 'document' ? { id: value } : { [kind]: value });
    for (const { document: id } of documents) if (!found.has(id)) found.set(id, target);
    if (documents.length > 0 || removals.get(target)) continue;
    // A mistyped name would be kept out for ever, and what was meant would stay.
    if (names.includes(value))
      throw new VimiError(
        'USAGE',
        `The corpus has no document ${kind === 'document' ? 'with this id' : 'of this source'}`,
        {
          expected:
            'an id from `vimi corpus search`, or a source; --source, --uri and --licence also take what may come',
          found: value,
          remedy: 'Name a path or an address with --uri.',
        },
      );
    unknown.push(target);
  }
  const isKnown = (target: RemovalTarget) => targets.some((one) => isSame(one, target) && !unknown.includes(one));
  for (const name of targetNames(unknown.filter((target) => !isKnown(target))))
    out?.write(`no document has ${name}: what comes of it will be dropped\n`);
  return found;
}

async function takeBack(
  workspace: Workspace,
  targets: readonly RemovalTarget[],
  { dryRun, json }: Required<Pick<CorpusRemoveOptions, 'dryRun' | 'json'>>,
  out: NodeJS.WritableStream,
): Promise<void> {
  const removals = await workspace.removals();
  const keys = new Set(targets.map(removalKey));
  const lifted = removals
    .all()
    .filter((one) => keys.has(removalKey(one)) || (one.under && keys.has(removalKey(one.under))));
  const isLifted = (target: RemovalTarget) => lifted.some((one) => removalKey(one) === removalKey(target));
  for (const target of targets)
    if (!targets.some((one) => isSame(one, target) && isLifted(one)))
      throw new VimiError('USAGE', 'Nothing of this name was removed', { found: targetName(target) });
  const { removals: topic } = workspace.removalTopics();
  if (!dryRun) await (await workspace.transport()).publish(lifted.map((one) => removalRecord(topic, one, null)));
  const told = targets.filter(isLifted);
  if (json) for (const target of told) out.write(`${JSON.stringify({ ...target, lifted: !dryRun })}\n`);
  else
    for (const name of targetNames(told))
      out.write(`${name} ${dryRun ? 'would be' : 'is'} allowed again: ingest its media to have it back\n`);
}

function documentLine(
  { id, caption, image, retrievable, provenance }: CorpusDocument,
  { json, removed }: { json: boolean; removed: boolean },
): string {
  const { uri, source, licence } = provenance;
  if (!json) return `${id}  ${caption}  ${uri}\n`;
  return `${JSON.stringify({ document: id, caption, image, retrievable, uri, source, licence, removed })}\n`;
}

/** What image and clip steps store; anything else among the objects is somebody's own. */
const ours = /^(images|clips)\/[0-9a-f]{64}\.(webp|mp4)$/;

/** The removal from all places but the index, which follows its topic. */
class Removal {
  readonly #workspace: Workspace;
  readonly #table: RemovalTable;
  readonly #options: CorpusRemoveOptions;
  readonly #out: NodeJS.WritableStream;
  readonly #counts = { clips: 0, objects: 0, staged: 0, shards: 0, snapshots: 0, others: 0 };

  constructor(workspace: Workspace, table: RemovalTable, options: CorpusRemoveOptions, out: NodeJS.WritableStream) {
    this.#workspace = workspace;
    this.#table = table;
    this.#options = options;
    this.#out = out;
  }

  async everywhere(): Promise<void> {
    const { dryRun = false } = this.#options;
    const objects = await this.#workspace.objects();
    const shards = await this.#shards();
    /** Keys of those to be written anew. */
    const holding = new Set<string>();
    for await (const place of placesOf(this.#workspace, this.#table)) {
      if (place.in === 'topic' && !place.superseded && !dryRun) await this.#tombstone(place.document);
      else if (place.in === 'clips' && !place.superseded) {
        if (!dryRun) await this.#forget(place);
        this.#counts.clips++;
        this.#tell({ place: 'clips', record: place.where, removed: !dryRun });
      } else if (place.in === 'snapshot') {
        await this.#snapshot(place);
      } else if (place.in === 'staged' && place.trace === 'sample') {
        if (!dryRun) await objects.remove(place.key);
        this.#counts.staged++;
        this.#tell({ place: 'staged', key: place.key, removed: !dryRun });
      } else if (place.in === 'object') {
        const isOurs = ours.test(place.key) || isUploadKey(place.key);
        if (isOurs && !dryRun) await objects.remove(place.key);
        this.#counts[isOurs ? 'objects' : 'others']++;
        this.#tell(
          { place: 'object', key: place.key, removed: isOurs && !dryRun },
          !isOurs && `${place.key}: a copy that vimi did not store: remove it yourself`,
        );
      } else if (place.in === 'shard') {
        const known = shards.get(place.key);
        if (known === 'replaced') {
          if (!dryRun) await removeShard(objects, place.key);
        } else if (known && this.#rewrites) holding.add(place.key);
        else this.#shard(place, known !== undefined);
      } else if (place.in === 'folder' || place.in === 'unreadable') this.#besides(place);
    }
    await this.#lateShards(shards, holding);
    if (this.#counts.snapshots > 0 && !dryRun) await (await this.#workspace.indexSnapshots())?.make();
    for await (const { job, object } of videosOf(this.#workspace, this.#table))
      this.#tell({ place: 'video', job, key: object.key }, `${object.key}: a video that was grounded in it; it stays`);
  }

  async summary(documents: number): Promise<void> {
    const { dryRun = false, rewriteShards = false, json = false } = this.#options;
    const state = await (await this.#workspace.corpusIsCurrent()).state();
    const { clips, objects, staged, shards, snapshots } = this.#counts;
    if (json) {
      const counts = { documents, clips, objects, staged, snapshots, shards };
      const rewritten = shards > 0 && this.#rewrites;
      this.#tell({ ...counts, ...{ removed: !dryRun, rewritten }, corpus: { documents: state.documents } });
      return;
    }
    this.#out.write(
      `${counted(documents, 'document')}, ${counted(clips, 'record')} of clips, ${counted(objects, 'object')} and ${counted(staged, 'waiting sample')} ${dryRun ? 'would be ' : ''}removed; the corpus has ${counted(state.documents, 'document')}\n`,
    );
    if (snapshots > 0)
      this.#out.write(`${counted(snapshots, 'snapshot')} of the index ${dryRun ? 'would be ' : ''}removed\n`);
    if (shards > 0)
      this.#out.write(
        rewriteShards
          ? `${counted(shards, 'shard')} ${dryRun ? 'would be ' : ''}written anew without it\n`
          : `still in ${counted(shards, 'shard')} of before: --rewrite-shards writes such shards anew\n`,
      );
    if (!dryRun)
      this.#out.write(
        'What comes of it again is dropped (removed). To prove that nothing is left: vimi corpus verify-removed\n',
      );
  }

  get #rewrites(): boolean {
    return this.#options.rewriteShards === true && this.#options.dryRun !== true;
  }

  /**
   * Those to be written anew, and those that were sealed, merged or rewritten since `seen`: they may hold what was still
   * there when they were begun.
   */
  async #lateShards(seen: ReadonlyMap<string, unknown>, holding: ReadonlySet<string>): Promise<void> {
    for (const topic of this.#workspace.topicsWith('samples.sealed')) {
      const late = async () => {
        const { live, regrounded } = await shardsOf(this.#workspace, topic);
        return [...live, ...regrounded].filter(({ object: { key } }) => holding.has(key) || !seen.has(key));
      };
      if ((await late()).length === 0) continue;
      if (!this.#rewrites) await this.#eachShard(await late());
      else
        await changeShards(this.#workspace, topic, async (changes) => {
          await this.#eachShard(await late(), changes);
        });
    }
  }

  /** With `changes` they are written anew. */
  async #eachShard(shards: readonly SamplesSealed[], changes?: ShardChanges): Promise<void> {
    const objects = await this.#workspace.objects();
    for (const sealed of shards)
      for await (const place of placesAt(sealed.object.key, objects, this.#table))
        if (place.in === 'unreadable') this.#besides(place);
        else if (place.in === 'shard')
          this.#shard(place, true, changes && (await rewriteShard(this.#workspace, changes, sealed, this.#table)));
  }

  /** `into`: it was written anew as that. */
  #shard({ key, samples, contexts }: Place & { in: 'shard' }, isNamed: boolean, into?: SamplesSealed): void {
    this.#counts.shards++;
    const rewritten = into && { shard: into.shard, object: into.object };
    const what = `${counted(samples.length, 'sample')}, ${counted(contexts.length, 'context')}`;
    const stays = isNamed ? '' : '; no event names it, so it stays: remove it yourself';
    this.#tell(
      { place: 'shard', key, samples, contexts, ...(rewritten && { rewritten }) },
      `${key}: ${what}${into ? `; written anew as ${into.object.key}` : stays}`,
    );
  }

  #besides(place: Place & { in: 'folder' | 'unreadable' }): void {
    this.#tell(
      { place: place.in, ...place },
      place.in === 'folder'
        ? `${place.path}: an index that was put aside: remove it yourself`
        : `${place.key}: ${place.error}`,
    );
  }

  /** It holds a document, or it cannot be told: a copy of the index, which is made again without it. */
  async #snapshot({ snapshot, documents, error }: SnapshotPlace): Promise<void> {
    const { dryRun = false } = this.#options;
    const isStored = snapshot.keys.length > 0;
    if (isStored && !dryRun) await removeSnapshot(await this.#workspace.objects(), snapshot);
    if (isStored) this.#counts.snapshots++;
    const fact = { place: 'snapshot', key: snapshot.id, documents, ...(error && { error }) };
    this.#tell({ ...fact, removed: isStored && !dryRun }, !isStored && `${snapshot.id}: ${error}`);
  }

  async #shards(): Promise<Map<string, 'replaced' | { topic: string; sealed: SamplesSealed }>> {
    const known = new Map<string, 'replaced' | { topic: string; sealed: SamplesSealed }>();
    for (const { topic, live, regrounded, replaced } of await allShards(this.#workspace)) {
      for (const sealed of [...live, ...regrounded]) known.set(sealed.object.key, { topic, sealed });
      for (const { object } of replaced) known.set(object.key, 'replaced');
    }
    return known;
  }

  /** Of a document that came while the removal was on its way. */
  async #tombstone(document: CorpusDocument): Promise<void> {
    const removal = this.#table.all().find(({ kind }) => kind !== 'document');
    const noted: CorpusRemoved = removedDocument(document, removal ?? { kind: 'document', value: document.id });
    await (await this.#workspace.transport()).publish(documentRemoval(this.#workspace.removalTopics(), noted));
  }

  /** What became of a clip. */
  async #forget({ topic, key }: { topic: string; key: string }): Promise<void> {
    const tombstone = { topic, key: Buffer.from(key), value: null, headers: {} };
    await (await this.#workspace.transport()).publish([tombstone]);
  }

  #tell(fact: Record<string, unknown>, line: string | false = false): void {
    if (this.#options.json) this.#out.write(`${JSON.stringify(fact)}\n`);
    else if (line) this.#out.write(`${line}\n`);
  }
}
