import { join } from 'node:path';
import { decodeEvent } from '../events/cloudevents.js';
import type { VimiEvent } from '../events/event.js';
import { jobId } from '../events/ids.js';
import { JobDeletion } from '../events/job-deletion.js';
import { payloadHash } from '../events/payload-hash.js';
import type { StoredRecord } from '../events/record.js';
import { recordId } from '../events/replay.js';
import type { GenerationRequested, VideoCompleted } from '../events/schemas.js';
import { type Follower, followTopic } from '../stores/follow-topic.js';
import type { BoardRow, BoardTopic, ChangeRow, RequestRow, VideoRow } from '../stores/jobs/job-board.js';
import { JobBoard } from '../stores/jobs/job-board.js';
import { usualAgeingMs } from '../stores/jobs/turn-order.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { isSettledRecord } from '../streams/delivery/settled-record.js';
import { answerTopics } from './client/answer-topics.js';
import { changeOf } from './client/told-jobs.js';
import { makeWorkFolder } from './work-folder.js';
import type { Workspace } from './workspace.js';

/** The jobs of a pipeline, followed from here on. */
export interface FollowedBoard {
  board: JobBoard;
  /** Resolves when the board has seen all that was asked for and said when this was called. */
  caughtUp(): Promise<void>;
  /** How old the board is at most: the time since it was last known to have seen everything. Milliseconds. */
  age(): number;
  /** Calls `look` after each change of a job, until the returned function is called. */
  onChange(job: string, look: () => void): () => void;
  close(): Promise<void>;
}

/** Opens a board, and reads its topics to their ends, unless `signal` aborts before. */
export async function openJobBoard(
  workspace: Workspace,
  pipeline: PipelineSpec,
  signal: AbortSignal,
): Promise<FollowedBoard> {
  const transport = await workspace.transport();
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'http');
  const board = new JobBoard(join(folder.path, 'board.sqlite'), pipeline.ageingMs ?? usualAgeingMs);
  const { jobs, videos } = answerTopics(pipeline);
  const topics: Record<BoardTopic, string> = { requests: pipeline.from, jobs, videos };
  const listeners = new Map<string, Set<() => void>>();
  let isClosed = false;

  const follow = (topic: BoardTopic, take: (records: StoredRecord[]) => Set<string> | Promise<Set<string>>): Follower =>
    followTopic<StoredRecord>({
      what: `The list of jobs (${topics[topic]})`,
      read: (from, how) => transport.read(topics[topic], { from, ...how }),
      positions: async () => board.positions(topic),
      async apply(records) {
        const told = isClosed ? [] : await take(records);
        for (const job of told) for (const look of [...(listeners.get(job) ?? [])]) look();
      },
      log: workspace.log,
    });
  const caughtUpWith = async (topic: BoardTopic) => followers[topic].caughtUp(await transport.ends(topics[topic]));
  const followers: Record<BoardTopic, Follower> = {
    requests: follow('requests', (records) => board.applyRequests(records.map((one) => requestRow(one, pipeline)))),
    videos: follow('videos', (records) => board.applyVideos(records.map(videoRow))),
    jobs: follow('jobs', async (records) => {
      const rows = records.map((one) => changeRow(one, pipeline));
      // Both were written in one commit: whoever hears of the end can see the video.
      if (rows.some(({ change }) => change && 'state' in change && change.state === 'completed'))
        await caughtUpWith('videos');
      return isClosed ? new Set<string>() : board.applyChanges(rows);
    }),
  };
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await Promise.all(Object.values(followers).map((follower) => follower.close()));
    board.close();
    await folder.remove();
  };
  const { clock } = workspace;
  let complete = clock.elapsed();
  const lookOnce = async () => {
    const began = clock.elapsed();
    await Promise.all([caughtUpWith('requests'), caughtUpWith('jobs')]);
    complete = began;
  };
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  // All who ask while it looks share the look after it, which began after they asked.
  const caughtUp = () => {
    next ??= last
      .catch(() => {})
      .then(() => {
        next = undefined;
        last = lookOnce();
        return last;
      });
    return next;
  };
  const stop = () => void close();
  try {
    signal.addEventListener('abort', stop);
    signal.throwIfAborted();
    await caughtUpWith('requests');
    // In this order: what has its outcome by now is on the jobs topic, or was deleted from it.
    const unheard = await settledOf(board, (record) => isSettledRecord(transport, pipeline, record));
    await caughtUp();
    for (const job of unheard) board.forgetUnheard(job);
  } catch (thrown) {
    await close();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return {
    board,
    caughtUp,
    age: () => clock.elapsed() - complete,
    onChange(job, look) {
      const looks = listeners.get(job) ?? new Set();
      listeners.set(job, looks.add(look));
      return () => {
        if (looks.delete(look) && looks.size === 0) listeners.delete(job);
      };
    },
    close,
  };
}

/** Jobs of which nothing was said, although their requests have an outcome. */
async function settledOf(board: JobBoard, isSettled: (record: string) => Promise<boolean>): Promise<Set<string>> {
  const settled = new Set<string>();
  const waiting = new Set<string>();
  for (const { job, record } of board.unheard()) ((await isSettled(record)) ? settled : waiting).add(job);
  for (const job of waiting) settled.delete(job);
  return settled;
}

function requestRow(record: StoredRecord, { name, schemas }: PipelineSpec): RequestRow | BoardRow {
  try {
    const event = decodeEvent(record, schemas) as VimiEvent<GenerationRequested>;
    if (event.schema !== 'generation.requested') return record;
    const { partition, offset, timestamp } = record;
    return {
      ...{ partition, offset, timestamp, record: recordId(record), source: event.source, id: event.id },
      job: jobId(name, event),
      payload: payloadHash(event.data),
      request: withoutBytes(event.data),
    };
  } catch {
    // The pipeline rejects it.
    return record;
  }
}

function withoutBytes(request: GenerationRequested): GenerationRequested {
  if (typeof request.prompt === 'string') return request;
  const prompt = request.prompt.map((part) =>
    part.image && 'base64' in part.image ? { ...part, image: { base64: '' } } : part,
  );
  return { ...request, prompt } as GenerationRequested;
}

function changeRow(record: StoredRecord, { name }: PipelineSpec): ChangeRow {
  const { partition, offset, timestamp } = record;
  const job = record.key?.toString() ?? '';
  if (record.value === null) return { partition, offset, timestamp, job, change: JobDeletion.of(record) };
  const event = changeOf(record);
  const isOurs = event && event.data.job === job && event.source === `/pipelines/${name}`;
  return { partition, offset, timestamp, job, change: isOurs ? event.data : undefined };
}

function videoRow(record: StoredRecord): VideoRow | BoardRow {
  try {
    const { data } = decodeEvent(record, ['video.completed']) as VimiEvent<VideoCompleted>;
    const { job, width, height, frames, fps, model, object, sampler, context, unread_parts: unread } = data;
    const { thumbnail, spritesheet, last_frame, timings } = data;
    const { partition, offset, timestamp } = record;
    const video = {
      ...{ width, height, frames, fps, model, object, seed: sampler.seed, context },
      ...{ ...(unread && { unread }), ...(thumbnail && { thumbnail }), ...(spritesheet && { spritesheet }) },
      ...(last_frame && { last_frame }),
    };
    return { partition, offset, timestamp, job, video, seconds: timings?.denoise_seconds };
  } catch {
    return record;
  }
}
