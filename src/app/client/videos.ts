import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import type { VideoCompleted } from '../../events/schemas.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Transport } from '../../streams/transports/transport.js';
import type { Workspace } from '../workspace.js';
import { jobsNamed, stateText, toldJobs } from './told-jobs.js';

/** A finished video, as its event tells of it. */
export interface Video {
  data: VideoCompleted;
  /** The event's own. */
  id: string;
  record: StoredRecord;
}

function videoOf(record: StoredRecord): Video | undefined {
  try {
    const { id, data } = decodeEvent(record, ['video.completed']) as VimiEvent<VideoCompleted>;
    return { id, data, record };
  } catch {
    return undefined;
  }
}

/** The newest video of a job among those that were committed since `from`. */
export async function videoOfJob(
  transport: Transport,
  topic: string,
  from: Record<number, number>,
  job: string,
): Promise<Video | undefined> {
  let found: Video | undefined;
  for await (const record of transport.read(topic, { from })) {
    const video = videoOf(record);
    if (video?.data.job === job && isNewer(video, found)) found = video;
  }
  return found;
}

/**
 * The newest video that goes by a name: the id of the request, of its job or of the video's event, or that event's place,
 * such as videos-2-17. An id that requests of several sources have names none of them: USAGE. Reads the topics of videos from their beginnings, and those of jobs where there is none: VIDEO_NOT_FOUND
 * says what became of the request.
 */
export async function videoNamed(workspace: Workspace, name: string): Promise<Video> {
  const transport = await workspace.transport();
  const topics = workspace.topicsWith('video.completed');
  let found: Video | undefined;
  const known = new Set<string>();
  const sources = new Map<string, string>();
  for (const topic of topics)
    for await (const record of transport.read(topic)) {
      const video = videoOf(record);
      if (!video) continue;
      const requested = video.data.request?.id ?? video.data.job;
      known.add(requested);
      const names = [requested, video.data.job, video.id, placeOf(record)];
      if (!names.includes(name)) continue;
      sources.set(video.data.job, video.data.request?.source ?? '');
      if (isNewer(video, found)) found = video;
    }
  if (sources.size > 1)
    throw new VimiError('USAGE', `'${name}' names the videos of ${sources.size} jobs`, {
      expected: 'the id of the job',
      found: [...sources].map(([job, source]) => `${job} of ${source}`).join(', '),
    });
  if (found) return found;
  const [job] = jobsNamed((await toldJobs(transport, workspace.anyTopicsWith('job.changed'))).list(), name);
  if (job)
    throw new VimiError('VIDEO_NOT_FOUND', `There is no video of '${name}'`, {
      expected: 'the id of a request whose video is finished',
      found: stateText(job),
      where: job.job,
    });
  throw new VimiError('VIDEO_NOT_FOUND', `There is no video of '${name}'${didYouMean(name, [...known].slice(-1000))}`, {
    expected: 'the id of a request whose video is finished',
    where: topics.join(', '),
  });
}

/** The MP4, checked against the hash in its event. OBJECT_NOT_FOUND, OBJECT_DAMAGED. */
export function bytesOf(objects: ObjectStore, { data: { object } }: Video): Promise<Buffer> {
  return objects.get(object.key, { sha256: object.sha256 });
}

/**
 * Before a video is asked for: that it can be written to this file then. FILE_UNUSABLE where its folder is not there or not
 * writable, or where a folder has its name.
 */
export async function checkSaves(path: string): Promise<void> {
  const unusable = (found: string, cause?: Error) =>
    new VimiError('FILE_UNUSABLE', 'No video can be written there, so none was asked for', {
      ...{ found, where: path, cause },
    });
  const there = await stat(path).catch(() => null);
  if (there?.isDirectory()) throw unusable('a folder');
  await access(there ? path : dirname(resolve(path)), constants.W_OK).catch((cause: Error) => {
    throw unusable(cause.message, cause);
  });
}

/** Writes the MP4 to a file. As `bytesOf`, and FILE_UNUSABLE. */
export async function saveVideo(objects: ObjectStore, video: Video, path: string): Promise<void> {
  const bytes = await bytesOf(objects, video);
  try {
    await writeFile(path, bytes);
  } catch (cause) {
    throw new VimiError('FILE_UNUSABLE', 'The video is made, but cannot be written to where it should be', {
      found: (cause as Error).message,
      where: video.data.object.key,
      cause,
    });
  }
}

function isNewer({ record }: Video, than: Video | undefined): boolean {
  return !than || record.timestamp >= than.record.timestamp;
}
