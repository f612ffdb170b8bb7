import type { Video } from '../../app/client/videos.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { eventJson } from '../event-json.js';
import { foundBy } from '../found-by.js';

/** Tells of a video: the event as `vimi read` prints it, and its file, which is `file` where it was saved to one. */
export async function tellVideo(
  workspace: Workspace,
  { record, data: video }: Video,
  { out: saved, json }: { out?: string; json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const file = saved ?? (await placeOf(workspace, video.object.key));
  if (json) {
    out.write(`${JSON.stringify(eventJson(record, ['video.completed'], { file }))}\n`);
    return;
  }
  for (const { caption, ranks, clip } of video.context)
    out.write(`retrieved  ${caption}  (${foundBy(ranks)})${clip ? `  motion ${clip.key}` : ''}\n`);
  if (video.context.length === 0) out.write('retrieved  nothing\n');
  if (video.unread_parts && video.unread_parts.length > 0)
    out.write(
      `not read   ${counted(video.unread_parts.length, 'part')} of the prompt  (left out for ${video.model.name})\n`,
    );
  if (video.unknown_words && video.unknown_words.length > 0)
    out.write(`never seen ${video.unknown_words.join(', ')}  (${video.model.name} was not trained with these words)\n`);
  out.write(
    `${video.frames} frames of ${video.width}x${video.height}, ${video.model.name} on ${video.model.backend}, seed ${video.sampler.seed}\n${file}\n`,
  );
}

/** Where a person finds the object: its file, or its key in the bucket. */
async function placeOf(workspace: Workspace, key: string): Promise<string> {
  if (workspace.topology.profile.objects.type !== 'files') return key;
  return (await (await workspace.objects()).localFile(key)).path;
}
