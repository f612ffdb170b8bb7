import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import { readSample, sharedName, writeSample } from '../../events/sample.js';
import { shapeOf } from '../../events/sample-shape.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Envelope } from '../../flow/envelope.js';
import type { Has, Product } from '../../flow/flow.js';
import { delivered, drop } from '../../flow/map-each.js';
import type { Resources } from '../../flow/operator.js';
import { compareParts } from '../../flow/settlement.js';
import type { StepRun } from '../../flow/step-context.js';
import { memberOf, type PackedSample, ShardFile } from '../../media/shard-file.js';
import type { KeepList } from '../../stores/keep-lists/keep-list.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { composePrompt } from '../grounding/compose-prompt.js';
import { sampleName } from './sample-name.js';
import { objectsOf, readStaged, type StagedSample, stagedAt, withoutRemoved, writeStaged } from './staged-sample.js';

/*
 * In      file, clip, query, context, prompt
 * Out     nothing: each envelope ends here as delivered. When the committed offset passes a multiple of `records`, or the run
 *         ends, products: tars of the samples of that range of offsets, of at most `bytes` where a sample is not larger
 * Drops   removed: what it came from was removed from the corpus; a still is delivered without a sample unless `stills` is on
 * Fails   OBJECT_NOT_FOUND, OBJECT_DAMAGED (a clip or an image of the context), STORAGE_FULL
 * Memory  the texts of `concurrency` samples, then one sample; a shard is put together on disk
 *
 * A sample waits as staging/TOPIC/PARTITION/OFFSET-PART-OWNER.sample in the object store until its range is sealed: an
 * object a sample, which names its clip and what it shares (staged-sample.ts), under a name of this owner of the partition, so
 * that two processes never share a file. Whoever takes
 * the partition over looks what is staged for events that have no committed outcome, and removes it before the commit by
 * which a redo comes to another outcome; not before, since who had the partition until now may be sealing it still. What a
 * process stages that hangs until it was fenced is passed over by the new owner, as long as that one lives.
 * Between staging and sealing a source may be removed from the corpus, or an object may go: such a sample is left out of
 * its shard, which is counted, logged, and told in the shard's event. A removed document of a context goes alone.
 * A shard is its samples in source order, so neither parallelism nor a crash changes a byte of it. What a sample looks like
 * in it is in events/sample.ts and docs/guides/read-videos-and-samples.md: all samples of a shard have the same members and types, so clips and
 * stills get shards of their own, and what samples share stands once in a shard however many name it. Samples' contexts
 * follow from the corpus at the time: with the stills in first they are the same every time, as far as they hold images;
 * motion examples are the clips that are in by then. What stills retrieve from
 * each other while they come in never is, so as samples they have no context: their own image would be copied, any other
 * shows something else. The object's name holds its digest: what a process seals that hung until it was fenced lies
 * beside the shard that was told of, and `vimi objects sweep` finds it.
 */
type In = Has<'file' | 'clip' | 'query' | 'context' | 'prompt'>;

export const shard = defineOperator(
  {
    name: 'shard',
    summary: 'Collects samples and seals them into WebDataset tars.',
    contract: {
      in: 'file, clip, query, context and prompt.',
      out: 'Nothing while a range of offsets is open. When every event of a range has its outcome, or the run ends: a product. It consists of tars with the samples of that range in source order: each sample with its clip (.mp4; .webp for a still), its caption (.txt) and .json, and each image and clip of the context and the prompt once, as images/SHA256 and clips/SHA256 (docs/guides/read-videos-and-samples.md). {shard} is TOPIC-PARTITION-FROM-TO, with -stills for the tar of stills beside that of the clips, with the shape if buckets are by shape, and -000, -001 ... if the range is larger than bytes. {digest}: 16 hex digits of the hash of its bytes. {kind}: clips or stills. A range without a sample gives no tar.',
      drops:
        'removed: what it came from was removed from the corpus. A still is delivered without a sample unless stills is on; its sample has no context.',
      fails:
        'OBJECT_NOT_FOUND or OBJECT_DAMAGED for a clip or an image; STORAGE_FULL. A staged sample names its clip, and the images and clips that it shares. If the sample was removed from the corpus before its shard is sealed, or one of its objects is gone by then, it is left out; if a document of its context was removed, that alone is. Both are counted, logged, and in the event (removed, lost). What keep_list leaves out is left out, counted, and in the event (left_out); a list that was forgotten meanwhile leaves nothing out, which is logged. If an object is damaged, the pipeline stops with that error and continues when it is whole again.',
      memory:
        'The texts of the samples that are staged at once. A shard is assembled in the temporary folder, with the clips and images of one sample in memory.',
    },
    config: z.strictObject({
      records: z
        .number()
        .int()
        .min(1)
        .max(1_000_000)
        .default(1000)
        .describe('Records of the source topic in one shard.'),
      bytes: z
        .number()
        .int()
        .min(1)
        .default(1_000_000_000)
        .describe(
          'If the samples of a range are larger, they are sealed as several shards; a larger sample gets a shard of its own.',
        ),
      stills: z
        .boolean()
        .default(false)
        .describe('Stills become samples too, without context: each counts as a video with infinite frames a second.'),
      buckets: z
        .enum(['none', 'shape'])
        .default('none')
        .describe(
          'shape: a shard holds only clips of one class of aspect, shorter side and frames, so that a trainer can batch them as they come; its name and event say which.',
        ),
      keep_list: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
        .optional()
        .describe('A keep-list of `vimi corpus pass`: what it leaves out is left out of shards. Default: none.'),
      staging: z
        .string()
        .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/)
        .default('staging')
        .describe('Where samples wait in the object store. Pipelines that share a topic need different ones.'),
      concurrency: z.number().int().min(1).max(64).default(4).describe('Samples staged at once.'),
    }),
    example: '- shard: { records: 1000, bytes: 500000000 }',
    needs: ['file', 'clip', 'query', 'context', 'prompt'],
    optional: ['captions'],
    adds: [],
    counters: {
      'sample-removed': 'Samples left out of a shard because they were removed from the corpus after they were staged.',
      'context-removed': 'Samples sealed without a document of their context that was removed from the corpus.',
      'sample-left-out': 'Samples left out of a shard because a keep-list leaves them out.',
      'sample-lost': 'Samples left out of a shard because a clip or an image of theirs was gone from the object store.',
    },
    product: { schema: 'samples.sealed', fields: ['shard', 'digest', 'kind'] },
  },
  {
    concurrency: (config) => config.concurrency,
    open: async (run) => ({
      /** Looked for at once: a name that is none should not be told of when the first shard is sealed. */
      keepList: run.config.keep_list === undefined ? null : await named(run.config.keep_list, run),
      /** By folder, a name for each time that its partition came here. */
      owners: new Map<string, string>(),
      /** By place of the event: what others staged of events that are to be done again. */
      stale: new Map<string, Staged[]>(),
      /** Places of parts that came to nothing in this process: whatever is staged of them is no sample. */
      lost: new Set<string>(),
    }),

    async process(data, context) {
      const {
        config: { stills, staging },
        state: { owners },
        objects,
        origin,
        part,
      } = context;
      if (data.clip.kind === 'clip' || stills) {
        const made = sampleOf(data.clip.kind === 'clip' ? data : ungrounded(data), context);
        const allowed = withoutRemoved(made, context.removals);
        if (!allowed) return drop('removed');
        const sample = await lasting(allowed, objects);
        const folder = stagingFolder(staging, origin);
        const key = `${placeOf(folder, origin.offset, part)}-${ownerOf(folder, owners)}.sample`;
        await objects.put(key, writeStaged(sample), { mediaType: 'application/json' });
        // Now that it is named, nobody sweeps it away: what is there now will be there.
        await checkThere(objectsOf(sample), objects);
      }
      return delivered;
    },

    async onTakeover({ isSettled, ...partition }, { config: { staging }, state: { owners, stale, lost }, objects }) {
      const folder = stagingFolder(staging, partition);
      owners.delete(folder);
      for (const place of lost) if (place.startsWith(folder)) lost.delete(place);
      for (const place of stale.keys()) if (place.startsWith(folder)) stale.delete(place);
      for (const sample of await stagedBefore(Number.POSITIVE_INFINITY, folder, objects)) {
        const place = folder + twelve(sample.offset);
        if (!isSettled(sample.offset)) stale.set(place, [...(stale.get(place) ?? []), sample]);
      }
    },

    async beforeCommit(settled, { config: { staging }, state: { stale }, objects }) {
      for (const { origin, parts } of settled) {
        const place = stagingFolder(staging, origin) + twelve(origin.offset);
        const delivered = new Set(
          parts.filter(({ outcome }) => outcome.kind === 'delivered').map(({ part }) => part || '0'),
        );
        for (const { key, part } of stale.get(place) ?? []) if (!delivered.has(part)) await objects.remove(key);
        stale.delete(place);
      }
    },

    onOutcome({ origin, parts }, { config: { staging }, state: { lost } }) {
      for (const { part, outcome } of parts) {
        const place = placeOf(stagingFolder(staging, origin), origin.offset, part);
        if (outcome.kind === 'delivered') lost.delete(place);
        else lost.add(place);
      }
      return [];
    },

    async onOffsetMove(move, run) {
      const { records, staging } = run.config;
      const { objects } = run;
      const { owners, lost } = run.state;
      const { state, to, final } = move;
      if (to <= state || (to < rangeEnd(state, records) && !final)) return { products: [], state };
      const sealedTo = final ? to : Math.floor(to / records) * records;
      const folder = stagingFolder(staging, move);
      const staged = await stagedBefore(sealedTo, folder, objects);
      const samples = chosen(staged, ownerOf(folder, owners)).filter(
        ({ offset, part }) => offset >= state && !lost.has(placeOf(folder, offset, part)),
      );
      if (samples.length > 0) await run.removals.caughtUp();
      const keepList = samples.length > 0 ? await run.state.keepList?.() : undefined;
      const products: Product[] = [];
      for (const [from, ofRange] of byRange(samples, state, records)) {
        const range = {
          topic: move.topic,
          partition: move.partition,
          from,
          to: Math.min(rangeEnd(from, records), sealedTo),
        };
        products.push(...(await seal(range, ofRange, { ...run.config, keepList }, run)));
      }
      return {
        products,
        state: sealedTo,
        async afterCommit() {
          for (const { key } of staged) await objects.remove(key);
          for (const { body } of products) if ('file' in body) await rm(body.file, { force: true });
          for (const place of lost)
            if (place.startsWith(folder) && place < folder + twelve(sealedTo)) lost.delete(place);
        },
      };
    },
  },
);

/** Opens the list as it is at the time; it is there now. Once it is forgotten, it leaves nothing out. */
async function named(
  name: string,
  { keepList: open, log }: Pick<Resources, 'keepList'> & Pick<Sealing, 'log'>,
): Promise<() => Promise<KeepList | undefined>> {
  if (!open)
    throw new VimiError('TOPIC_UNKNOWN', 'The topology has no topic for keep-lists', {
      ...{ expected: 'a topic that carries corpus.passed', where: `shard: { keep_list: ${name} }` },
    });
  await open(name);
  return async () => {
    try {
      return await open(name);
    } catch (thrown) {
      if (asVimiError(thrown).code !== 'USAGE') throw thrown;
      log.warn(
        { keep_list: name },
        'The keep-list that the step shard names was forgotten: shards are sealed with what it left out. Take keep_list out of the step, or run the pass again',
      );
      return undefined;
    }
  };
}

function ownerOf(folder: string, owners: Map<string, string>): string {
  const owner = owners.get(folder) ?? randomUUID().slice(0, 8);
  owners.set(folder, owner);
  return owner;
}

interface Staged {
  key: string;
  offset: number;
  part: string;
  owner: string;
}

const twelve = (offset: number) => String(offset).padStart(12, '0');

function stagingFolder(staging: string, { topic, partition }: { topic: string; partition: number }): string {
  return `${staging}/${topic}/${partition}/`;
}

function placeOf(folder: string, offset: number, part: string): string {
  return `${folder}${twelve(offset)}-${part || '0'}`;
}

/** In source order. */
async function stagedBefore(to: number, folder: string, objects: ObjectStore): Promise<Staged[]> {
  const staged: Staged[] = [];
  for await (const key of objects.list(folder)) {
    const said = stagedAt(key);
    if (said && said.offset < to) staged.push({ key, ...said });
  }
  return staged.sort((a, b) => a.offset - b.offset || compareParts(a.part, b.part));
}

/** One of each place: our own where there is one, since another is of somebody who was fenced. */
function chosen(staged: Staged[], owner: string): Staged[] {
  const byPlace = new Map<string, Staged>();
  for (const sample of staged) {
    const place = `${sample.offset}-${sample.part}`;
    if (sample.owner === owner || !byPlace.has(place)) byPlace.set(place, sample);
  }
  return [...byPlace.values()];
}

function rangeEnd(from: number, records: number): number {
  return (Math.floor(from / records) + 1) * records;
}

/** Samples by the first offset of their range: a multiple of `records`, or where the last seal ended. */
function byRange(staged: Staged[], state: number, records: number): Map<number, Staged[]> {
  const ranges = new Map<number, Staged[]>();
  for (const sample of staged) {
    const from = Math.max(state, Math.floor(sample.offset / records) * records);
    ranges.set(from, [...(ranges.get(from) ?? []), sample]);
  }
  return ranges;
}

interface Range {
  topic: string;
  partition: number;
  from: number;
  to: number;
}

type Sealing = Pick<
  StepRun<unknown, unknown, never, 'sample-removed' | 'context-removed' | 'sample-left-out' | 'sample-lost'>,
  'objects' | 'removals' | 'workDir' | 'log' | 'count'
>;

/** Shards of one kind, and of one shape where they are by shape. */
interface Bucket {
  kind: 'clips' | 'stills';
  shape?: string;
  files: ShardFile[];
}

/** Clips and stills each, and each shape if asked, in as many shards as their size asks for. */
async function seal(
  range: Range,
  samples: Staged[],
  { bytes, buckets: by, keepList }: { bytes: number; buckets: 'none' | 'shape'; keepList: KeepList | undefined },
  run: Sealing,
): Promise<Product[]> {
  const { objects, removals, workDir } = run;
  const name = `${range.topic}-${String(range.partition).padStart(4, '0')}-${twelve(range.from)}-${twelve(range.to)}`;
  const buckets = new Map<string, Bucket>();
  const removed = { samples: 0, contexts: 0 };
  let [gone, leftOut] = [0, 0];
  try {
    for await (const staged of inOrder(samples, objects)) {
      const left = withoutRemoved(staged, removals);
      if (!left) {
        removed.samples++;
        continue;
      }
      if (keepList?.ofMedium(left.clip.sha256)) {
        leftOut++;
        continue;
      }
      const sample = packed(left, objects);
      const kind = sample.members.some((member) => member.name.endsWith('.mp4')) ? 'clips' : 'stills';
      const shape = by === 'shape' ? shapeOf(readSample(left.facts, left.name).clip) : undefined;
      const bucketName = `${kind === 'stills' ? '-stills' : ''}${shape === undefined ? '' : `-${shape}`}`;
      const bucket = buckets.get(bucketName) ?? { kind, ...(shape !== undefined && { shape }), files: [] };
      buckets.set(bucketName, bucket);
      let file = bucket.files.at(-1);
      if (!file || file.size + file.growth(sample) > bytes) {
        await file?.finish();
        file = await ShardFile.open(join(workDir, `${name}${bucketName}-${bucket.files.length}.tar`));
        bucket.files.push(file);
      }
      try {
        await file.add(sample);
        if (left !== staged) removed.contexts++;
      } catch (thrown) {
        if (!(thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND')) throw thrown;
        gone++;
        run.log.error(
          { sample: staged.name, object: thrown.where },
          'An object of a staged sample is gone: the sample is left out of its shard. To have it, ingest its medium again',
        );
      }
    }
    const left = {
      ...(removed.samples + removed.contexts > 0 && { removed }),
      ...(keepList && leftOut > 0 && { left_out: { keep_list: keepList.name, samples: leftOut } }),
      ...(gone > 0 && { lost: gone }),
    };
    if (removed.samples + removed.contexts > 0)
      run.log.info({ shard: name, ...removed }, 'Sealed without what was removed from the corpus');
    if (keepList && leftOut > 0)
      run.log.info(
        { shard: name, keep_list: keepList.name, samples: leftOut },
        'Sealed without what a keep-list leaves out',
      );
    run.count('sample-removed', removed.samples);
    run.count('context-removed', removed.contexts);
    run.count('sample-left-out', leftOut);
    run.count('sample-lost', gone);
    const products: Product[] = [];
    // Clips first; in each kind by the name of the shape.
    for (const [bucketName, { kind, shape, files }] of [...buckets].sort(inOrderOfNames)) {
      const filled = files.filter((file) => file.samples > 0);
      for (const file of files) if (!filled.includes(file)) await file.discard();
      for (const [n, file] of filled.entries()) {
        const piece = filled.length > 1 ? `-${String(n).padStart(3, '0')}` : '';
        const shard = `${name}${bucketName}${piece}`;
        const digest = (await file.finish()).slice(0, 16);
        const of = { kind, ...(shape !== undefined && { shape }) };
        products.push({
          body: { file: file.path },
          mediaType: 'application/x-tar',
          beside: [{ ending: '.idx', body: Buffer.from(file.index()), mediaType: 'text/plain' }],
          fields: { shard, digest, kind },
          schema: 'samples.sealed',
          data: { shard, ...of, samples: file.samples, range, ...(products.length === 0 && left) },
          id: shard,
        });
      }
    }
    return products;
  } catch (thrown) {
    for (const { files } of buckets.values()) for (const file of files) await file.discard();
    throw thrown;
  }
}

function inOrderOfNames([a, one]: [string, Bucket], [b, other]: [string, Bucket]): number {
  if (one.kind !== other.kind) return one.kind === 'clips' ? -1 : 1;
  return a < b ? -1 : 1;
}

/** So many staged samples are read at once: they are small. */
const readTogether = 16;

async function* inOrder(samples: readonly Staged[], objects: ObjectStore): AsyncGenerator<StagedSample> {
  for (let at = 0; at < samples.length; at += readTogether)
    yield* await Promise.all(
      samples.slice(at, at + readTogether).map(async ({ key }) => readStaged(await objects.get(key), key)),
    );
}

/** Its members as the shard holds them; bytes of clips and images are fetched when they are written. */
function packed({ name, caption, facts, clip, images, clips }: StagedSample, objects: ObjectStore): PackedSample {
  const fetched = (member: string, { key, sha256, size }: ObjectRef) => ({
    ...{ name: member, size },
    read: () => objects.get(key, { sha256 }),
  });
  return {
    shared: [
      ...images.map((image) => fetched(sharedName('image', image.sha256), image)),
      ...clips.map((one) => fetched(sharedName('clip', one.sha256), one)),
    ],
    members: [
      fetched(`${name}.${extension(clip)}`, clip),
      memberOf(`${name}.txt`, Buffer.from(caption)),
      memberOf(`${name}.json`, Buffer.from(facts)),
    ],
  };
}

/** As if the corpus had been empty. */
function ungrounded(data: In): In {
  const context = { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } };
  return { ...data, context, prompt: composePrompt(data.query, [], { images: 0 }) };
}

/** What the envelope says of a sample, without any time in it. */
function sampleOf(data: In, { origin, part, event }: Pick<Envelope, 'origin' | 'part' | 'event'>): StagedSample {
  const { file, clip, query, captions = [{ text: query.text, by: 'custom' }], context, prompt } = data;
  const name = sampleName(origin, part);
  const { uri, source, licence, sha256 } = file;
  const facts = writeSample({
    ...{
      caption: query.text,
      captions,
      prompt,
      context: context.entries,
      corpus: context.corpus,
      clip,
      scores: clip.scores ?? {},
    },
    provenance: { uri, source, licence, sha256, event: event.id },
  });
  const { entries } = context;
  const images = [...entries, ...prompt.parts].flatMap((one) => ('image' in one ? [one.image] : []));
  const clips = [...entries, ...prompt.parts].flatMap((one) => ('clip' in one && one.clip ? [plainRef(one.clip)] : []));
  return { name, caption: query.text, facts, clip: clip.object, images: eachOnce(images), clips: eachOnce(clips) };
}

function plainRef({ key, size, sha256, media_type }: ObjectRef): ObjectRef {
  return { key, size, sha256, media_type };
}

function eachOnce(objects: readonly ObjectRef[]): ObjectRef[] {
  return [...new Map(objects.map((object) => [object.sha256, object])).values()];
}

/** With all that it names under keys made from its bytes, where nothing else can take its place. */
async function lasting(sample: StagedSample, objects: ObjectStore): Promise<StagedSample> {
  const kept = async (object: ObjectRef, folder: string): Promise<ObjectRef> => {
    const { key, sha256, media_type: mediaType } = object;
    if (key.includes(sha256)) return object;
    const bytes = await objects.get(key, { sha256 });
    return objects.put(`${folder}/${sha256}.${extension(object)}`, bytes, { mediaType, sha256, byContent: true });
  };
  return {
    ...sample,
    clip: await kept(sample.clip, 'clips'),
    images: await Promise.all(sample.images.map((image) => kept(image, 'images'))),
    clips: await Promise.all(sample.clips.map((clip) => kept(clip, 'clips'))),
  };
}

async function checkThere(named: readonly ObjectRef[], objects: ObjectStore): Promise<void> {
  const found = await Promise.all(named.map(({ key }) => objects.stat(key)));
  for (const [n, { key, sha256 }] of named.entries()) {
    const there = found[n];
    if (!there) throw new VimiError('OBJECT_NOT_FOUND', 'An object of a sample is missing', { where: key });
    if (there.sha256 !== sha256)
      throw new VimiError('OBJECT_DAMAGED', 'An object of a sample differs from what was stored', {
        ...{ expected: sha256, found: there.sha256, where: key },
      });
  }
}

const extensions: Record<string, string> = {
  'video/mp4': 'mp4',
  'image/webp': 'webp',
  'image/png': 'png',
  'image/jpeg': 'jpg',
};

function extension({ media_type }: ObjectRef): string {
  return extensions[media_type] ?? 'bin';
}
