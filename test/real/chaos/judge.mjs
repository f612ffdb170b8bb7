// @ts-nocheck: a plain script
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

/**
 * Compares what a reader saw with what was asked for. `beside`: a version took part that wrote no index beside shards and removed no
 * previews of jobs that another worker had begun.
 *
 * @param {{ records: { topic: string, value: any }[], objects: import('../../../dist/stores/objects/object-store.js').ObjectStore, requests: number, media: number, beside?: boolean }} run
 */
export async function judge({ records, objects, requests, media, beside = false }) {
  const problems = [];
  const of = (topic) => records.filter((record) => record.topic === `chaos-${topic}` && record.value !== null);
  const values = (topic) => of(topic).map(({ value }) => value);
  let [lost, doubled] = [0, 0];
  const once = (what, ids, expected) => {
    const different = new Set(ids).size;
    doubled += ids.length - different;
    lost += Math.max(0, expected - different);
    if (ids.length !== different) problems.push(`${ids.length - different} ${what} twice`);
    if (different !== expected) problems.push(`${different} ${what}, expected ${expected}`);
  };

  const videos = values('videos');
  const rejects = values('rejects');
  const samples = values('samples');
  const ended = endsOf(values('jobs'));
  const documents = values('corpus').map(({ id }) => id);
  once(
    'videos',
    videos.map(({ job }) => job),
    requests,
  );
  once(
    'rejects',
    rejects.map(({ origin, part }) => `${origin.topic}/${origin.partition}/${origin.offset}/${part}`),
    4,
  );
  // The request without a prompt is a job that failed; the one that is no JSON is no job.
  once(
    'jobs with an end',
    ended.map(({ job }) => job),
    requests + 1,
  );
  once(
    'shards',
    samples.map(({ shard }) => shard),
    new Set(samples.map(({ shard }) => shard)).size,
  );
  once('documents', documents, new Set(documents).size);
  const inShards = samples.reduce((sum, { samples }) => sum + samples, 0);
  if (inShards !== media) problems.push(`${inShards} samples in shards, expected ${media}`);
  lost += Math.max(0, media - inShards);
  doubled += Math.max(0, inShards - media);
  for (const { uri, parts, duplicate_of: of } of values('outcomes'))
    for (const reason of Object.keys(parts.dropped))
      problems.push(`${uri} was dropped: ${reason}${of === undefined ? '' : ` of ${of}`}`);
  for (const { shard, lost } of samples)
    if (lost > 0) problems.push(`${lost} left out of ${shard}: an object was gone`);
  for (const { error, origin, step } of rejects)
    if (!['EVENT_MALFORMED', 'EVENT_INVALID', 'PROMPT_EMPTY', 'MEDIA_NOT_FOUND'].includes(error.code))
      problems.push(`${origin.topic}/${origin.partition}/${origin.offset} was rejected in ${step}: ${error.message}`);

  // A preview is there until its job has its outcome, and all have theirs.
  const refs = records.flatMap(({ value }) => [...refsOf(value)]).filter(({ key }) => !key.startsWith('previews/'));
  const named = new Map(refs.map((ref) => [ref.key, ref]));
  for (const { key, size, sha256 } of named.values()) {
    const bytes = await objects.get(key).catch(() => null);
    if (bytes === null) {
      lost++;
      problems.push(`${key} is named and not there`);
    } else if (bytes.length !== size || createHash('sha256').update(bytes).digest('hex') !== sha256)
      problems.push(`${key} is not what its event says`);
  }
  /** The index beside each shard, which no event names. */
  const indexes = new Set(samples.map(({ object }) => object.key.replace(/\.tar$/, '.idx')));
  for (const key of indexes)
    if (!beside && (await objects.stat(key)) === null) problems.push(`${key} is not beside its shard`);
  const keys = [];
  for await (const key of objects.list('')) keys.push(key);
  /** A snapshot of the index is whole, and named by nothing else, when its manifest is there. */
  const snapshots = new Set(keys.filter((key) => /^index\/.+\/manifest\.json$/.test(key)).map(folderOf));
  const isLeft = (key) => beside && key.startsWith('previews/');
  const orphans = keys.filter(
    (key) => !named.has(key) && !indexes.has(key) && !snapshots.has(folderOf(key)) && !isLeft(key),
  );
  const counts = {
    videos: videos.length,
    samples: inShards,
    shards: samples.length,
    documents: documents.length,
    'jobs with an end': ended.length,
    rejects: rejects.length,
    'named objects': named.size,
    objects: keys.length,
  };
  return { problems, lost, doubled, orphans, counts };
}

/**
 * The ends of jobs. A worker that hung says of a job that it is queued, after another has ended it, and then says that end
 * once more, since compaction would keep its late word alone: that is no second end.
 */
function endsOf(changes) {
  /** By job: its end, and whether something else was said after one. */
  const said = new Map();
  return changes.filter((change) => {
    const { job, state } = change;
    const before = said.get(job);
    if (!['completed', 'failed', 'cancelled'].includes(state)) {
      if (before) said.set(job, { ...before, wasHidden: true });
      return false;
    }
    said.set(job, { end: change, wasHidden: before?.wasHidden === true });
    // Who says it again says its fields in another order; two may do it at once.
    return !(before?.wasHidden && isDeepStrictEqual(before.end, change));
  });
}

const folderOf = (key) => key.slice(0, key.lastIndexOf('/'));

/** Whatever in an event names an object. */
function* refsOf(value) {
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.key === 'string' && typeof value.sha256 === 'string' && typeof value.size === 'number') yield value;
  for (const inner of Object.values(value)) yield* refsOf(inner);
}
