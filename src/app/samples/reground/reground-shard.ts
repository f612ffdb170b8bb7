import { canonicalJson } from '../../../events/canonical-json.js';
import { encodeEvent } from '../../../events/cloudevents.js';
import type { ContextEntry, ObjectRef } from '../../../events/prompt.js';
import {
  digestsNamed,
  type Grounding,
  type ReadSample,
  readSample,
  type SharedKind,
  sampleGroundedIn,
  sharedName,
  writtenPrompt,
} from '../../../events/sample.js';
import type { SamplesSealed } from '../../../events/schemas.js';
import { memberOf, type PackedSample, type ShardMember } from '../../../media/shard-file.js';
import type { KeepList } from '../../../stores/keep-lists/keep-list.js';
import type { ObjectStore } from '../../../stores/objects/object-store.js';
import { keptOf } from '../../removal/kept-of.js';
import { rewriteShard } from '../../removal/rewrite-shard.js';
import { sampleTrace } from '../../removal/sample-trace.js';
import type { Workspace } from '../../workspace.js';
import { changeShards } from '../change-shards.js';
import { shardsOf } from '../live-shards.js';
import { mediumHash, type ShardSample, samplesIn, shardSamples } from '../shard-samples.js';
import { madeFrom, storeShard, withShardFile } from '../stored-shard.js';
import type { SampleGrounder } from './sample-grounder.js';

/** What grounding a sample again changes. */
export interface SampleChange {
  key: string;
  caption: string;
  /** Of its context before. */
  documents: number;
  /** Documents that were not in its context, with their rank now, from 1; those that are no longer; those of another rank. */
  came: RankedDocument[];
  went: RankedDocument[];
  moved: (Omit<RankedDocument, 'rank'> & { from: number; to: number })[];
  promptChanged: boolean;
  /** It cannot be told: its document is not in the corpus. It stays as it is. */
  unknown?: true;
  /** A keep-list leaves it out. */
  leftOut?: true;
}

export interface RankedDocument {
  document: string;
  caption: string;
  rank: number;
}

/** A sample with its new grounding. undefined: a still, whose sample has no context; null: nobody can tell. */
interface GroundedSample {
  json: string;
  grounding: Grounding | null | undefined;
  change: SampleChange;
}

/** Samples that are grounded at once. */
const together = 8;

/** The samples of a shard by their names, in its order, as the grounder grounds them now: their texts are in memory. */
export async function groundShard(
  { object }: SamplesSealed,
  {
    objects,
    grounder,
    keepList,
    signal,
  }: { objects: ObjectStore; grounder: SampleGrounder; keepList?: KeepList | undefined; signal: AbortSignal },
): Promise<ReadonlyMap<string, GroundedSample>> {
  const grounded = new Map<string, GroundedSample>();
  const underWay = new Set<Promise<unknown>>();
  try {
    for await (const read of shardSamples(object.key, objects)) {
      const { key, json } = read;
      const facts = readSample(json, `${object.key}, ${key}.json`);
      const clip = await mediumHash(read);
      if (keepList?.ofMedium(clip)) {
        grounded.set(key, {
          json,
          grounding: undefined,
          change: { ...changeOf(key, facts, undefined), leftOut: true },
        });
        continue;
      }
      // Holds its place among the others.
      const sample: GroundedSample = { json, grounding: undefined, change: changeOf(key, facts, undefined) };
      grounded.set(key, sample);
      if (facts.clip.kind !== 'clip') continue;
      const work = grounder.ground({ key, facts, clip, signal }).then((grounding) => {
        sample.grounding = grounding;
        sample.change = changeOf(key, facts, grounding);
      });
      underWay.add(work);
      void work.finally(() => underWay.delete(work)).catch(() => {});
      if (underWay.size >= together) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
  return grounded;
}

/** Another prompt, or other documents or ranks in its context. */
export const isChanged = ({ came, went, moved, promptChanged }: SampleChange): boolean =>
  promptChanged || came.length + went.length + moved.length > 0;

/**
 * Stores the shard with its samples as they were grounded, beside the old one; an event says from which it was made. The
 * old one stays. A shard in which no sample changes is not written, unless it was `regrounded` before: then what readers
 * take for it would stay as it was. What was removed from the corpus is not in it. What readers take already is not told
 * again. Gives what was stored; null: nothing changes.
 */
export async function writeRegrounded(
  workspace: Workspace,
  { topic, sealed: old }: { topic: string; sealed: SamplesSealed },
  grounded: ReadonlyMap<string, GroundedSample>,
  regrounded: readonly SamplesSealed[],
): Promise<SamplesSealed | null> {
  const changes = [...grounded.values()].some(({ change }) => isChanged(change) || change.leftOut);
  // Rewriting after a removal gives a shard another ending: NAME-r1.
  const named = (name = '') => name.replace(/-r\d+$/, '');
  const newest = regrounded.findLast((one) => named(one.regrounded_from) === named(old.shard));
  if (!changes && !newest) return null;
  const objects = await workspace.objects();
  const removals = await workspace.removals();
  const removed = { samples: old.removed?.samples ?? 0, contexts: old.removed?.contexts ?? 0 };
  return withShardFile(workspace, async (file) => {
    await removals.caughtUp();
    for await (const sample of shardSamples(old.object.key, objects)) {
      const { grounding, change } = grounded.get(sample.key) ?? {};
      if (change?.leftOut) continue;
      const { kept, trace } = await keptOf(sample, removals);
      const next = trace !== 'sample' && grounding ? packed(sample, grounding, objects) : kept;
      if (!next) removed.samples++;
      else {
        if (trace && !grounding) removed.contexts++;
        await file.add(next);
      }
    }
    const sha256 = await file.finish();
    if (sha256 === old.object.sha256 && !newest) return null;
    const shard = `${old.shard}-g${sha256.slice(0, 8)}`;
    const object = await storeShard(objects, { shard, file, beside: old.object.key });
    const data: SamplesSealed = {
      ...madeFrom(old, { shard, object, samples: file.samples }),
      regrounded_from: old.shard,
      ...(removed.samples + removed.contexts > 0 && { removed }),
    };
    const event = encodeEvent({ schema: 'samples.sealed', id: shard, source: '/vimi/shards', topic, key: shard, data });
    if (newest?.shard !== shard) await (await workspace.transport()).publish([event]);
    // A removal looks for shards after it was published, and this for removals after the shard was: one of the two finds it.
    await removals.caughtUp();
    for await (const sample of samplesIn(file.path, object.key))
      if (await sampleTrace(sample, removals))
        return changeShards(workspace, topic, async (changes) => {
          const there = (await shardsOf(workspace, topic)).regrounded.some((one) => one.shard === shard);
          // Else the removal has rewritten it.
          return there ? rewriteShard(workspace, changes, data, removals) : data;
        });
    return data;
  });
}

/** Its own members, and the images and clips that it names now: from its shard, or else from the object store. */
function packed(sample: ShardSample, grounding: Grounding, objects: ObjectStore): PackedSample {
  const json = sampleGroundedIn(sample.json, grounding);
  const there = new Map(sample.shared.map((one) => [one.name, one]));
  const stored = new Map<string, ShardMember>();
  const enter = (kind: SharedKind, { key, size, sha256 }: ObjectRef) => {
    const name = sharedName(kind, sha256);
    stored.set(name, { name, size, read: () => objects.get(key, { sha256 }) });
  };
  for (const { image, clip } of grounding.context) {
    enter('image', image);
    if (clip) enter('clip', clip);
  }
  return {
    members: sample.members.map((one) => (one.name.endsWith('.json') ? memberOf(one.name, Buffer.from(json)) : one)),
    shared: digestsNamed(json).flatMap((digest) =>
      (['image', 'clip'] as const).flatMap((kind) => {
        const name = sharedName(kind, digest);
        return there.get(name) ?? stored.get(name) ?? [];
      }),
    ),
  };
}

function changeOf(key: string, facts: ReadSample, grounding: Grounding | null | undefined): SampleChange {
  const { caption, context: before } = facts;
  // Parts of older layouts say nothing of clips.
  const prompt = { ...facts.prompt, parts: facts.prompt.parts.map((part) => ({ clip: '', ...part })) };
  const now = grounding?.context ?? before;
  const ranked = (entries: readonly ContextEntry[]) =>
    new Map(entries.map(({ document, caption }, n) => [document, { document, caption, rank: n + 1 }]));
  const [old, fresh] = [ranked(before), ranked(now)];
  return {
    ...{ key, caption, documents: before.length },
    came: [...fresh.values()].filter(({ document }) => !old.has(document)),
    went: [...old.values()].filter(({ document }) => !fresh.has(document)),
    moved: [...fresh.values()].flatMap(({ document, caption, rank: to }) => {
      const from = old.get(document)?.rank ?? to;
      return from === to ? [] : [{ document, caption, from, to }];
    }),
    promptChanged: grounding ? canonicalJson(prompt) !== canonicalJson(writtenPrompt(grounding.prompt)) : false,
    ...(grounding === null && { unknown: true }),
  };
}
