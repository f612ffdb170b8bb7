import { openCorpusAt, parsePosition, positionText } from '../../app/corpus-at.js';
import { openKeepList } from '../../app/passes/keep-lists.js';
import { allShards, type Shards } from '../../app/samples/live-shards.js';
import {
  groundShard,
  isChanged,
  type SampleChange,
  writeRegrounded,
} from '../../app/samples/reground/reground-shard.js';
import { SampleGrounder } from '../../app/samples/reground/sample-grounder.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { VimiError } from '../../core/errors.js';
import type { SamplesSealed } from '../../events/schemas.js';
import type { KeepList } from '../../stores/keep-lists/keep-list.js';
import type { Removals } from '../../stores/removals/removals.js';
import { progress } from '../progress.js';

export interface SamplesRegroundOptions {
  /** The position of the corpus; as it is now without it. */
  at?: string;
  /** What it leaves out is no context, and its samples are left out of the shards that are written. */
  keepList?: string;
  /** Stores shards with the new prompts beside the old ones. */
  write?: boolean;
  json?: boolean;
  signal: AbortSignal;
}

/**
 * Grounds samples again in the corpus as it is now, by the steps of the topology, and says what that changes. `wanted`:
 * names of shards, or keys of their objects; all live ones without. USAGE for a shard that there is not.
 */
export async function samplesReground(
  workspace: Workspace,
  wanted: readonly string[],
  { at, keepList: name, write = false, json = false, signal }: SamplesRegroundOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const position = at === undefined ? undefined : parsePosition(at);
  const pipeline = workspace.pipelineFor('media.added');
  const all = await allShards(workspace);
  const shards = chosenOf(all, wanted);
  const before = all.flatMap(({ regrounded }) => regrounded);
  const current = await workspace.corpusIsCurrent();
  const opened = position && (await openCorpusAt(workspace, position));
  const corpus = opened?.corpus ?? current;
  const keepList = name === undefined ? undefined : await openKeepList(name, await workspace.keepListPlace());
  const resources = await workspace.resources(pipeline);
  const removals = keepList ? withoutLeftOut(resources.removals, keepList) : resources.removals;
  const grounder = new SampleGrounder(pipeline, { ...resources, corpus, removals }, current);
  const objects = await workspace.objects();
  const counts = { samples: 0, changed: 0, unknown: 0, leftOut: 0, documents: 0, gone: 0, came: 0 };
  const written: SamplesSealed[] = [];
  const bar = progress('grounding shards');
  try {
    const place = position ?? (await current.positions());
    for (const [n, shard] of shards.entries()) {
      bar.update(n, shards.length);
      const grounded = await groundShard(shard.sealed, { objects, grounder, keepList, signal });
      for (const { change } of grounded.values()) {
        count(change, counts);
        tell(change, shard.sealed);
      }
      const made = write && (await writeRegrounded(workspace, shard, grounded, before));
      if (made) written.push(made);
    }
    bar.finish();
    summary(positionText(place));
  } finally {
    bar.finish();
    await grounder.close();
    await opened?.close();
  }

  function tell(change: SampleChange, { shard }: SamplesSealed): void {
    if (json) out.write(`${JSON.stringify({ shard, changed: isChanged(change), ...change })}\n`);
    else if (isChanged(change)) out.write(changeText(change));
  }

  function summary(place: string): void {
    const { samples, changed, unknown, leftOut, came, gone, documents } = counts;
    const share = documents === 0 ? 0 : gone / documents;
    const shardsWritten = written.map(({ shard, object }) => ({ shard, object }));
    if (json) {
      const told = {
        position: place,
        samples,
        changed,
        unknown,
        left_out: leftOut,
        documents,
        came,
        went: gone,
        share_went: share,
      };
      out.write(`${JSON.stringify({ ...told, ...(write && { written: shardsWritten }) })}\n`);
      return;
    }
    const percent = samples === 0 ? 0 : Math.round((100 * changed) / samples);
    out.write(
      `${changed} of ${samples} samples change (${percent} %), grounded in the corpus at ${place}: ${counted(came, 'document')} came, ${gone} of ${documents} went\n`,
    );
    if (unknown > 0) out.write(`${unknown} stay as they are: their documents are not in the corpus\n`);
    if (leftOut > 0) out.write(`${leftOut} are left out by ${name}\n`);
    if (!write) return;
    for (const { shard, object } of shardsWritten) out.write(`stored ${shard}: ${object.key}\n`);
    if (written.length === 0) out.write('every shard stays as it is\n');
  }
}

/** What a keep-list leaves out is retrieved as little as what was removed. */
function withoutLeftOut(removals: Removals, keepList: KeepList): Removals {
  const of: Removals['of'] = (thing) => {
    const left = thing.document === undefined ? null : keepList.ofDocument(thing.document);
    return removals.of(thing) ?? (left && { kind: 'document', value: left.document });
  };
  return { ...removals, of };
}

function chosenOf(all: readonly Shards[], wanted: readonly string[]): { topic: string; sealed: SamplesSealed }[] {
  const live = all.flatMap(({ topic, live }) => live.map((sealed) => ({ topic, sealed })));
  if (wanted.length === 0) return live;
  return wanted.map((name) => {
    const found = live.find(({ sealed }) => sealed.shard === name || sealed.object.key === name);
    if (found) return found;
    throw new VimiError('USAGE', 'There is no such shard', {
      expected:
        'a name that `vimi read samples` prints, of a shard that was neither merged nor rewritten nor regrounded',
      found: name,
    });
  });
}

function count(
  change: SampleChange,
  counts: Record<'samples' | 'changed' | 'unknown' | 'leftOut' | 'documents' | 'gone' | 'came', number>,
): void {
  counts.samples++;
  if (isChanged(change)) counts.changed++;
  if (change.unknown) counts.unknown++;
  if (change.leftOut) counts.leftOut++;
  counts.documents += change.documents;
  counts.came += change.came.length;
  counts.gone += change.went.length;
}

function changeText({ key, caption, came, went, moved }: SampleChange): string {
  const lines = [
    ...came.map((one) => `  + ${one.caption}  (rank ${one.rank})  ${one.document}`),
    ...went.map((one) => `  - ${one.caption}  (was rank ${one.rank})  ${one.document}`),
    ...moved.map((one) => `  ~ ${one.caption}  (rank ${one.from} to ${one.to})  ${one.document}`),
  ];
  return `${key}  ${caption}\n${lines.map((line) => `${line}\n`).join('')}`;
}
