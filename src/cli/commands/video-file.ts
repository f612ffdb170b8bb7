import { copyFile } from 'node:fs/promises';
import { VimiError } from '../../errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { VideoCompleted } from '../../events/schemas.js';
import { eventJson } from '../event-json.js';
import type { Workspace } from '../workspace.js';

/** A record of a topic of videos, as its event. null: it is none. */
export function videoOf(record: StoredRecord): VideoCompleted | null {
  try {
    return decodeEvent(record, ['video.completed']).data as VideoCompleted;
  } catch {
    return null;
  }
}

/** Copies a video to `to` where that is named, and tells of it: the event as `vimi read` prints it, and its file. */
export async function tellVideo(
  workspace: Workspace,
  record: StoredRecord,
  { out: to, json }: { out?: string; json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const video = decodeEvent(record, ['video.completed']).data as VideoCompleted;
  const file = to ?? (await placeOf(workspace, video.object.key));
  if (to) await copyTo(workspace, video.object.key, to);
  if (json) {
    out.write(`${JSON.stringify(eventJson(record, ['video.completed'], { file }))}\n`);
    return;
  }
  for (const { caption, score } of video.context) out.write(`retrieved  ${caption}  (${score.toFixed(4)})\n`);
  if (video.context.length === 0) out.write('retrieved  nothing\n');
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

async function copyTo(workspace: Workspace, key: string, to: string): Promise<void> {
  const local = await (await workspace.objects()).localFile(key);
  try {
    await copyFile(local.path, to);
  } catch (cause) {
    throw new VimiError('FILE_UNUSABLE', 'The video is made, but cannot be copied to where it should be', {
      found: (cause as Error).message,
      where: key,
      cause,
    });
  } finally {
    await local.release();
  }
}
