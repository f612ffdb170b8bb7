import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { ObjectRef } from '../events/prompt.js';
import { pictureName, pictureOf, writeSample } from '../events/sample.js';
import { type PackedSample, ShardFile } from '../media/shard-file.js';
import { packTar, unpackTar } from '../media/tar.js';
import type { ObjectStore } from '../stores/object-store.js';
import type { Envelope } from '../streams/envelope.js';
import { compareParts } from '../streams/settlement.js';
import { composePrompt } from './compose-prompt.js';
import type { Has, Product } from './flow.js';
import { mapEach, settledHere } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      file, clip, query, context, prompt
 * Out     nothing: each envelope ends here as delivered. When the watermark passes a multiple of `records`, or the run
 *         ends, products: tars of the samples of that range of offsets, of at most `bytes` where a sample is not larger
 * Drops   nothing; a still is delivered without a sample unless `stills` is on
 * Fails   OBJECT_NOT_FOUND, OBJECT_DAMAGED (a clip or an image of the context), STORAGE_FULL
 * Memory  `concurrency` samples; a shard is put together on disk
 *
 * A sample waits as staging/TOPIC/PARTITION/OFFSET-PART-OWNER.sample in the object store until its range is sealed: an
 * object a sample, under a name of this owner of the partition, so that two processes never share a file. Whoever takes
 * the partition over looks what is staged for events that have no committed fate, and removes it before the commit by
 * which a redo comes to another fate; not before, since who had the partition until now may be sealing it still. What a
 * process stages that hangs until it was shut out is passed over by the new owner, as long as that one lives.
 * A shard is its samples in source order, so neither parallelism nor a crash changes a byte of it. What a sample looks like
 * in it is in events/sample.ts and docs/samples.md: all samples of a shard have the same members and types, so clips and
 * stills get shards of their own, and a picture stands once in a shard however many samples name it. Samples' contexts
 * follow from the corpus at the time: with the stills in first they are the same every time. What stills retrieve from
 * each other while they come in never is, so as samples they have no context: their own picture would be copied, any other
 * shows something else. The object's name holds its digest: what a process seals that hung until it was shut out lies
 * beside the shard that was told of, and `vimi objects sweep` finds it.
 */
type In = Has<'file' | 'clip' | 'query' | 'context' | 'prompt'>;

export const shard = defineOperator(
  {
    name: 'shard',
    summary: 'Collects samples and seals them into WebDataset tars.',
    contract: {
      in: 'file, clip, query, context and prompt.',
      out: 'Nothing as long as a range of offsets is open. When every event of a range has its fate, or the run ends: a product, tars of the samples of that range in source order, each sample with its clip (.mp4; .webp for a still), its caption (.txt) and .json, and each picture of the context and the prompt once, as images/SHA256 (docs/samples.md). {shard} is TOPIC-PARTITION-FROM-TO, with -stills where stills have a tar beside the clips’, and -000, -001 ... where the range is larger than bytes; {digest} is of its bytes, 16 hex digits; {kind} is clips or stills. A range without a sample gives no tar.',
      drops: 'Nothing. A still is delivered without a sample unless stills is on; its sample has no context.',
      fails: 'OBJECT_NOT_FOUND or OBJECT_DAMAGED for a clip or an image of the prompt; STORAGE_FULL.',
      memory: 'As many samples as are staged at once; a shard is put together in the temporary folder.',
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
        .describe('A range whose samples come to more is sealed as several shards; a larger sample has one to itself.'),
      stills: z
        .boolean()
        .default(false)
        .describe('Stills are samples too, without context: a video of endless frames a second beside its caption.'),
      staging: z
        .string()
        .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/)
        .default('staging')
        .describe('Where samples wait in the object store; pipelines that share a topic need one each.'),
      concurrency: z.number().int().min(1).max(64).default(4).describe('Samples staged at once.'),
    }),
    example: '- shard: { records: 1000, bytes: 500000000 }',
    needs: ['file', 'clip', 'query', 'context', 'prompt'],
    adds: [],
    product: { schema: 'samples.sealed', fields: ['shard', 'digest', 'kind'] },
  },
  ({ records, bytes, stills, staging, concurrency }, { objects, clock, workDir }) => {
    /** By folder, a name for each time that its partition came here. */
    const owners = new Map<string, string>();
    const ownerOf = (folder: string) => {
      const owner = owners.get(folder) ?? randomUUID().slice(0, 8);
      owners.set(folder, owner);
      return owner;
    };
    /** By place of the event: what others staged of events that are to be done again. */
    const stale = new Map<string, Staged[]>();
    /** Places of parts that came to nothing in this process: whatever is staged of them is no sample. */
    const lost = new Set<string>();
    return {
      step: mapEach<'file' | 'clip' | 'query' | 'context' | 'prompt'>(
        async (data, envelope): Promise<typeof settledHere> => {
          if (data.clip.kind === 'clip' || stills) {
            const sample = await sampleOf(data.clip.kind === 'clip' ? data : ungrounded(data), envelope, objects);
            const folder = stagingFolder(staging, envelope.origin);
            const key = `${placeOf(folder, envelope.origin.offset, envelope.part)}-${ownerOf(folder)}.sample`;
            await objects.put(key, sample, { mediaType: 'application/x-tar' });
          }
          envelope.settle({ kind: 'delivered' });
          return settledHere;
        },
        { step: 'shard', concurrency, clock },
      ),

      async onTakeover({ isSettled, ...partition }) {
        const folder = stagingFolder(staging, partition);
        owners.delete(folder);
        for (const place of lost) if (place.startsWith(folder)) lost.delete(place);
        for (const place of stale.keys()) if (place.startsWith(folder)) stale.delete(place);
        for (const sample of await stagedBefore(Number.POSITIVE_INFINITY, folder, objects)) {
          const place = folder + twelve(sample.offset);
          if (!isSettled(sample.offset)) stale.set(place, [...(stale.get(place) ?? []), sample]);
        }
      },

      async beforeCommit(settled) {
        for (const { origin, parts } of settled) {
          const place = stagingFolder(staging, origin) + twelve(origin.offset);
          const delivered = new Set(
            parts.filter(({ fate }) => fate.kind === 'delivered').map(({ part }) => part || '0'),
          );
          for (const { key, part } of stale.get(place) ?? []) if (!delivered.has(part)) await objects.remove(key);
          stale.delete(place);
        }
      },

      onFate({ origin, parts }) {
        for (const { part, fate } of parts) {
          const place = placeOf(stagingFolder(staging, origin), origin.offset, part);
          if (fate.kind === 'delivered') lost.delete(place);
          else lost.add(place);
        }
        return [];
      },

      async onWatermark(move) {
        const { mark, to, final } = move;
        if (to <= mark || (to < rangeEnd(mark, records) && !final)) return { products: [], mark };
        const sealedTo = final ? to : Math.floor(to / records) * records;
        const folder = stagingFolder(staging, move);
        const staged = await stagedBefore(sealedTo, folder, objects);
        const samples = chosen(staged, ownerOf(folder)).filter(
          ({ offset, part }) => offset >= mark && !lost.has(placeOf(folder, offset, part)),
        );
        const products: Product[] = [];
        for (const [from, ofRange] of byRange(samples, mark, records)) {
          const range = {
            topic: move.topic,
            partition: move.partition,
            from,
            to: Math.min(rangeEnd(from, records), sealedTo),
          };
          products.push(...(await seal(range, ofRange, bytes, objects, workDir)));
        }
        return {
          products,
          mark: sealedTo,
          async afterCommit() {
            for (const { key } of staged) await objects.remove(key);
            for (const { body } of products) if ('file' in body) await rm(body.file, { force: true });
            for (const place of lost)
              if (place.startsWith(folder) && place < folder + twelve(sealedTo)) lost.delete(place);
          },
        };
      },
    };
  },
);

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
    const name = /^(?<offset>\d{12})-(?<part>[\d.]+)-(?<owner>\w+)\.sample$/.exec(key.slice(folder.length))?.groups;
    if (name && Number(name.offset) < to)
      staged.push({ key, offset: Number(name.offset), part: name.part!, owner: name.owner! });
  }
  return staged.sort((a, b) => a.offset - b.offset || compareParts(a.part, b.part));
}

/** One of each place: our own where there is one, since another is of somebody who was shut out. */
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
function byRange(staged: Staged[], mark: number, records: number): Map<number, Staged[]> {
  const ranges = new Map<number, Staged[]>();
  for (const sample of staged) {
    const from = Math.max(mark, Math.floor(sample.offset / records) * records);
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

/** Clips and stills each, in as many shards as their size asks for. */
async function seal(
  range: Range,
  samples: Staged[],
  bytes: number,
  objects: ObjectStore,
  workDir: string,
): Promise<Product[]> {
  const name = `${range.topic}-${String(range.partition).padStart(4, '0')}-${twelve(range.from)}-${twelve(range.to)}`;
  const files = { clips: [] as ShardFile[], stills: [] as ShardFile[] };
  try {
    for (const { key } of samples) {
      const sample = await unpack(await objects.get(key));
      const kind = sample.members.some(({ name }) => name.endsWith('.mp4')) ? 'clips' : 'stills';
      let file = files[kind].at(-1);
      if (!file || file.size + file.growth(sample) > bytes) {
        await file?.finish();
        file = await ShardFile.open(join(workDir, `${name}-${kind}-${files[kind].length}.tar`));
        files[kind].push(file);
      }
      await file.add(sample);
    }
    const products: Product[] = [];
    for (const kind of ['clips', 'stills'] as const)
      for (const [n, file] of files[kind].entries()) {
        const piece = files[kind].length > 1 ? `-${String(n).padStart(3, '0')}` : '';
        const shard = `${name}${kind === 'stills' ? '-stills' : ''}${piece}`;
        const digest = (await file.finish()).slice(0, 16);
        products.push({
          body: { file: file.path },
          mediaType: 'application/x-tar',
          fields: { shard, digest, kind },
          schema: 'samples.sealed',
          data: { shard, kind, samples: file.samples, range },
          id: shard,
        });
      }
    return products;
  } catch (thrown) {
    for (const file of [...files.clips, ...files.stills]) await file.discard();
    throw thrown;
  }
}

async function unpack(staged: Buffer): Promise<PackedSample> {
  const sample: PackedSample = { pictures: [], members: [] };
  for await (const member of unpackTar(Readable.from([staged])))
    (pictureOf(member.name) ? sample.pictures : sample.members).push(member);
  return sample;
}

/** As if the corpus had been empty. */
function ungrounded(data: In): In {
  const context = { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } };
  return { ...data, context, prompt: composePrompt(data.query, [], { images: 0 }) };
}

/** One sample as a tar of its pictures and members, self-contained, without any time in it. */
async function sampleOf(data: In, { origin, part, event }: Envelope, objects: ObjectStore): Promise<Buffer> {
  const { file, clip, query, context, prompt } = data;
  // WebDataset takes what follows the first dot for the member's kind.
  const name = [origin.topic, origin.partition, twelve(origin.offset), part || '0'].join('-').replaceAll('.', '_');
  const { uri, source, licence, sha256 } = file;
  const facts = writeSample({
    ...{ caption: query.text, prompt, context: context.entries, corpus: context.corpus, clip },
    provenance: { uri, source, licence, sha256, event: event.id },
  });
  const images = new Map(
    [
      ...context.entries.map(({ image }) => image),
      ...prompt.parts.flatMap((one) => ('image' in one ? [one.image] : [])),
    ].map((image) => [image.sha256, image]),
  );
  const read = ({ key, sha256: digest }: ObjectRef) => objects.get(key, { sha256: digest });
  return packTar([
    ...(await Promise.all(
      [...images.values()].map(async (image) => ({ name: pictureName(image.sha256), bytes: await read(image) })),
    )),
    { name: `${name}.${extension(clip.object)}`, bytes: await read(clip.object) },
    { name: `${name}.txt`, bytes: Buffer.from(query.text) },
    { name: `${name}.json`, bytes: Buffer.from(facts) },
  ]);
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
