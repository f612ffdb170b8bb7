import { type Place, placesOf, videosOf } from '../../app/removal/places.js';
import { recordsThatStay } from '../../app/removal/records-that-stay.js';
import { tableOf } from '../../app/removal/removal-table.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import type { RemovalTarget } from '../../events/schemas.js';
import { duration } from '../progress.js';
import { isSame, removalTargets, type TargetOptions, targetNames } from './removal-targets.js';

export interface CorpusVerifyRemovedOptions extends TargetOptions {
  json?: boolean;
}

/**
 * Proves that nothing of what was removed is left: neither in the index and its snapshots nor on the topics of documents and clips, in no sample that
 * waits and no shard, and among no objects; and that what comes of it again is kept out. Gives whether that is so, and
 * names every place where it is not. What stays by its nature (videos, events on topics) is told beside it.
 */
export async function corpusVerifyRemoved(
  workspace: Workspace,
  names: string[],
  { json = false, ...options }: CorpusVerifyRemovedOptions,
  out: NodeJS.WritableStream,
): Promise<boolean> {
  const targets = removalTargets(names, options);
  const removals = await workspace.removals();
  const table = tableOf(targets, removals);
  let found = 0;
  let awaiting = 0;
  const tell = (fact: object, line: string) => out.write(json ? `${JSON.stringify(fact)}\n` : `${line}\n`);
  const isKeptOut = (target: RemovalTarget) => targets.some((one) => isSame(one, target) && removals.get(one));
  for (const target of targets) {
    if (isKeptOut(target)) continue;
    if (targets.findLast((one) => isSame(one, target)) !== target) continue;
    found++;
    const [name] = targetNames([target]);
    tell({ place: 'removals', ...target }, `${name}: no removal is recorded, so it may come at any time`);
  }
  for await (const place of placesOf(workspace, table)) {
    if ((place.in === 'topic' || place.in === 'clips') && place.superseded) awaiting++;
    else {
      found++;
      tell(factOf(place), lineOf(place));
    }
  }
  let videos = 0;
  for await (const { job, object } of videosOf(workspace, table)) {
    videos++;
    if (json) tell({ place: 'video', job, key: object.key, stays: true }, '');
  }
  const staying = await recordsThatStay(workspace, table);
  for (const { topic, records, holds, retention } of staying)
    if (json) tell({ place: 'events', topic, records, holds, retention_ms: retention, stays: true }, '');
  const [documents, absent] = [table.all().filter(({ kind }) => kind === 'document').length, found === 0];
  if (json) {
    tell({ targets, absent, places: found, documents, awaiting_compaction: awaiting, videos }, '');
    return absent;
  }
  const what = targetNames(targets).join(', ');
  out.write(
    absent
      ? `absent everywhere: ${what} (${counted(documents, 'document')})\n`
      : `found in ${counted(found, 'place')}: ${what}\n`,
  );
  if (awaiting > 0) out.write(`${counted(awaiting, 'older record')} of it go when the log compacts its topic\n`);
  if (videos > 0) out.write(`${counted(videos, 'video')} grounded in it, kept: vimi read videos\n`);
  for (const { topic, records, holds, retention } of staying)
    out.write(
      `the topic ${topic} keeps ${counted(records, 'record')} of it: ${holds}; ${retention === null ? 'kept for ever, since the topic has no retention' : `each is kept for ${duration(retention / 1000)}`}\n`,
    );
  return absent;
}

function factOf(place: Place): object {
  const { in: where, ...facts } = place;
  if (place.in === 'topic') return { place: where, record: place.where, document: place.document.id };
  if (place.in === 'snapshot')
    return {
      place: where,
      key: place.snapshot.id,
      documents: place.documents,
      ...(place.error && { error: place.error }),
    };
  return { place: where, ...facts };
}

function lineOf(place: Place): string {
  switch (place.in) {
    case 'index':
      return `index: document ${place.document}`;
    case 'topic':
      return `topic: record ${place.where} is document ${place.document.id}`;
    case 'clips':
      return `clips: record ${place.where} tells of ${place.key}`;
    case 'staged':
      return `staged: ${place.key}${place.trace === 'context' ? ' (in its context; it will be sealed without it)' : ''}`;
    case 'shard':
      return `shard: ${place.key}: ${[...place.samples, ...place.contexts.map((key) => `${key} (context)`)].join(', ')}`;
    case 'object':
      return `object: ${place.key}`;
    case 'snapshot':
      return `snapshot: ${place.snapshot.id}: ${place.error ?? `documents ${place.documents.join(', ')}`}`;
    case 'folder':
      return `index: ${place.path}: put aside as damaged, may hold it: remove it`;
    case 'unreadable':
      return `unreadable: ${place.key}: ${place.error}`;
  }
}
