import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../events/canonical-json.js';
import { changeId } from '../../events/ids.js';
import { recordId } from '../../events/replay.js';
import { defineOperator } from '../../flow/define-operator.js';
import { encodedSize, encodeVideo } from '../../media/encode-video.js';
import { withComment } from '../../media/mp4-comment.js';
import { withTemporaryFolder } from '../../media/temporary.js';
import { stillsBeside } from './stills-beside.js';

/*
 * In      job, prompt, context, frames
 * Out     product: an MP4 that carries its own record in the metadata tag `comment`, its thumbnail, spritesheet and last frame, and
 *         the video.completed event
 * Drops   cancelled jobs
 * Fails   ENCODER_FAILED, STORAGE_FULL, TIMED_OUT
 * Memory  the frames and the MP4
 */
export const encode = defineOperator(
  {
    name: 'encode',
    summary: 'Writes frames as an MP4 with the record of how it was made.',
    contract: {
      in: 'job, prompt, context and frames.',
      out: 'product: an MP4 (H.264, yuv420p, index first) named {job} and {digest} (of its bytes, 16 hex digits), and its video.completed event. The MP4 carries the same record in its metadata tag `comment`, without the objects and the timings. Beside it are stored its middle frame (thumbnail) a grid of frames (spritesheet), and its last frame without losses, all WebP. The same frames give the same bytes with the same ffmpeg. An odd side grows by one pixel.',
      drops: 'Cancelled jobs.',
      fails: 'ENCODER_FAILED with the message of ffmpeg; STORAGE_FULL; TIMED_OUT.',
      memory: 'The frames and the MP4.',
    },
    config: z.strictObject({
      codec: z.enum(['h264']).default('h264').describe('Video codec.'),
      crf: z.number().int().min(0).max(40).default(14).describe('Quality, as in x264: lower is better.'),
      scale: z
        .number()
        .int()
        .min(1)
        .max(16)
        .default(1)
        .describe('Enlarges by repeating pixels, to make tiny videos visible.'),
      concurrency: z.number().int().min(1).max(16).default(2).describe('Videos encoded at once.'),
    }),
    example: '- encode: { codec: h264, crf: 14 }',
    needs: ['job', 'prompt', 'context', 'frames'],
    adds: ['product'],
    tools: ['ffmpeg'],
    product: { schema: 'video.completed', fields: ['job', 'digest'] },
  },
  {
    concurrency: (config) => config.concurrency,
    async process({ job, prompt, context, frames }, { config: { codec, crf, scale }, signal, workDir, origin }) {
      const { video, fps, model, sampler, candidates, unknownWords, unreadParts, seconds } = frames;
      const record = {
        job: job.id,
        request: job.request,
        ...encodedSize(video.width, video.height, scale),
        frames: video.frames,
        fps,
        codec,
        prompt,
        ...(unreadParts && { unread_parts: unreadParts }),
        context: context.entries,
        corpus: context.corpus,
        ...(context.asked && { retrieval: context.asked }),
        model,
        sampler,
        ...(candidates && { candidates }),
        ...(unknownWords && { unknown_words: unknownWords }),
      };
      const body = await withTemporaryFolder(workDir, async (folder) => {
        const output = join(folder, 'video.mp4');
        const { width, height, data } = video;
        await encodeVideo({ frames: data, width, height, fps, crf, scale, output, signal });
        return withComment(await readFile(output), canonicalJson(record));
      });
      return {
        product: {
          body,
          mediaType: 'video/mp4',
          beside: await stillsBeside(video, scale),
          fields: { job: job.id, digest: createHash('sha256').update(body).digest('hex').slice(0, 16) },
          schema: 'video.completed',
          data: { ...record, timings: { denoise_seconds: seconds } },
          // A job that was forgotten may be asked for again: its videos are two events.
          id: changeId(job.id, recordId(origin), 'video'),
        },
      };
    },
  },
);
