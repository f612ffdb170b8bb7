import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { bytesOf, checkSaves, videoNamed } from '../../app/client/videos.js';
import { promiseOf, recordIn, reproduce } from '../../app/reproduce.js';
import type { Workspace } from '../../app/workspace.js';
import { type Bounds, readBounded } from '../../core/bounded-file.js';
import { VimiError } from '../../core/errors.js';

export interface ReproduceOptions {
  pipeline?: string;
  /** File for the MP4 that was made again. */
  out?: string;
  json?: boolean;
  signal: AbortSignal;
}

const bounds = {
  most: 1024 ** 3,
  unreadable: ['FILE_UNUSABLE', 'The video cannot be read'],
  tooLarge: ['MEDIA_TOO_LARGE', 'The video is too large to be made again'],
} as const satisfies Bounds;

/**
 * Makes a video again from the record that its MP4 carries, and compares the bytes: true when they are the same. `video`: a
 * file, or what `vimi videos get` takes. As `reproduce` and `recordIn`; VIDEO_NOT_FOUND.
 */
export async function reproduceVideo(
  workspace: Workspace,
  video: string,
  { pipeline: name, out: to, json, signal }: ReproduceOptions,
  out: NodeJS.WritableStream,
): Promise<boolean> {
  if (to !== undefined) await checkSaves(to);
  const mp4 = existsSync(video)
    ? await readBounded(video, bounds)
    : await bytesOf(await workspace.objects(), await requestedVideo(workspace, video));
  const record = recordIn(mp4, video);
  const pipeline = workspace.pipelineFor('generation.requested', name);
  const made = await reproduce(record, { pipeline, resources: await workspace.resources(pipeline), signal });
  if (to !== undefined) await writeFile(to, made.mp4);
  const was = createHash('sha256').update(mp4).digest('hex');
  const isSame = was === made.sha256;
  const promise = promiseOf(record);
  if (json) {
    const { sha256, differences } = made;
    out.write(`${JSON.stringify({ job: record.job, same: isSame, was, is: sha256, differences, promise })}\n`);
  } else if (isSame) out.write(`the same video, byte for byte (sha256 ${was})\n`);
  else {
    out.write(`another video: sha256 was ${was}, is ${made.sha256}\n`);
    for (const difference of made.differences) out.write(`  ${difference}\n`);
    if (made.differences.length === 0 && !record.model.server)
      out.write('  the record is the same: ffmpeg, the processor, or the settings of the step encode are others\n');
    out.write(`  vimi promises ${promise}\n`);
  }
  return isSame;
}

/** What is no file may be a request: whoever mistypes a path learns that neither is there. */
async function requestedVideo(workspace: Workspace, video: string) {
  try {
    return await videoNamed(workspace, video);
  } catch (error) {
    if (!(error instanceof VimiError && error.code === 'VIDEO_NOT_FOUND')) throw error;
    const { code, summary, found, where, remedy } = error;
    const expected = 'a file that is there, or the id of a request whose video is finished';
    throw new VimiError(code, summary, { expected, found, where, remedy, cause: error });
  }
}
