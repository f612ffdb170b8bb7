import { basename } from 'node:path';
import { VimiError } from '../../errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import { didYouMean } from '../did-you-mean.js';
import type { Workspace } from '../workspace.js';
import { tellVideo, videoOf } from './video-file.js';

/**
 * Fetches the newest video of a request to a file: `out`, or the name of its object in the current folder. `id`: the
 * request's, its job's, the video event's, or the event's place such as videos-2-17. VIDEO_NOT_FOUND.
 */
export async function getVideo(
  workspace: Workspace,
  id: string,
  { out: to, json }: { out?: string; json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const transport = await workspace.transport();
  const topics = [...workspace.topology.topics.values()].filter(({ schemas }) => schemas.includes('video.completed'));
  let found: StoredRecord | undefined;
  const jobs = new Set<string>();
  for (const { name } of topics)
    for await (const record of transport.read(name)) {
      const video = videoOf(record);
      if (!video) continue;
      const requested = video.request?.id ?? video.job;
      jobs.add(requested);
      const event = decodeEvent(record, ['video.completed']).id;
      const names = [requested, video.job, event, `${name}-${record.partition}-${record.offset}`];
      if (names.includes(id) && (!found || record.timestamp >= found.timestamp)) found = record;
    }
  const video = found && videoOf(found);
  if (!found || !video)
    throw new VimiError('VIDEO_NOT_FOUND', `There is no video of '${id}'${didYouMean(id, [...jobs].slice(-1000))}`, {
      expected: 'the id of a request whose video is finished',
      where: topics.map(({ name }) => name).join(', '),
    });
  await tellVideo(workspace, found, { out: to ?? basename(video.object.key), json }, out);
}
