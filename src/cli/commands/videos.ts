import { basename } from 'node:path';
import { saveVideo, videoNamed } from '../../app/client/videos.js';
import type { Workspace } from '../../app/workspace.js';
import { tellVideo } from './video-file.js';

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
  // Of all pipelines, and of those that run elsewhere alone.
  const video = await videoNamed(workspace, id);
  const file = to ?? basename(video.data.object.key);
  await saveVideo(await workspace.objects(), video, file);
  await tellVideo(workspace, video, { out: file, json }, out);
}
