import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import type { ByteRange } from '../../stores/objects/object-store.js';
import { answers, manyBytes } from '../answers/answers.js';
import { checkTags, ifMatch, ifNoneMatch, isFresh } from '../answers/preconditions.js';
import { rangeOf } from '../answers/ranges.js';
import type { App } from '../app.js';
import { jobParams } from './routes.js';
import { cuesOf } from './sprite-cues.js';
import { type Still, stillOf, videoObject } from './stills.js';
import type { VideoService } from './video-service.js';

const types = {
  'video/mp4': 'variant=video',
  'image/webp': 'variant=thumbnail, spritesheet or last_frame',
  'text/vtt': 'variant=cues',
};

/** GET /v1/videos/{id}/content: the MP4 or what shows it, whole or in parts. */
export function addContentRoute(app: App, service: () => Promise<VideoService>, workspace: Workspace): void {
  app.get(
    '/v1/videos/:id/content',
    {
      config: { scope: 'read', comparesTags: true },
      schema: {
        ...{
          tags: ['videos'],
          summary: 'The MP4 of a completed job, or what shows it',
          operationId: 'getVideoContent',
        },
        params: jobParams,
        querystring: z.object({
          variant: z
            .enum(['video', 'thumbnail', 'spritesheet', 'last_frame', 'cues'])
            .default('video')
            .describe(
              'video: the MP4; thumbnail: its middle frame; spritesheet: frames spread over it in a grid, whose geometry the job tells; last_frame: as the model drew it, without losses; cues: WebVTT that says which tile of the spritesheet belongs to which time',
            ),
        }),
        headers: z.object({
          range: z.string().max(1000).optional().describe('bytes=0-1023: a part of it'),
          'if-match': ifMatch,
          'if-none-match': ifNoneMatch,
          'if-range': z.string().max(1000).optional(),
        }),
        response: answers({
          200: manyBytes('What was asked for. Its ETag is the SHA-256 of its bytes.', types),
          206: manyBytes('The part that was asked for.', types),
          304: z.undefined().describe('It is the one that If-None-Match names.'),
        }),
      },
    },
    async (request, reply) => {
      const { headers, params, query, caller } = request;
      const job = await (await service()).completed(params.id, caller);
      const { name, sha256, size, media_type, read } = contentOf(job, query.variant, workspace);
      const etag = `"${sha256}"`;
      checkTags(request, etag);
      reply.headers({
        etag,
        'accept-ranges': 'bytes',
        // Its ETag is the hash of its bytes: no proxy may make smaller images of it.
        'cache-control': 'private, no-cache, no-transform',
        'x-content-type-options': 'nosniff',
      });
      if (isFresh(headers['if-none-match'], etag)) return reply.code(304).send();
      const range = rangeOf(headers.range, headers['if-range'], { size, etag });
      if (range === 'none') {
        reply.header('content-range', `bytes */${size}`);
        throw new VimiError('RANGE_INVALID', 'There are no such bytes', {
          expected: `bytes 0 to ${size - 1}`,
          found: headers.range,
        });
      }
      reply.header('content-type', media_type).header('content-disposition', `inline; filename="${name}"`);
      const { start, end } = range ?? { start: 0, end: size - 1 };
      reply.code(range ? 206 : 200).header('content-length', end - start + 1);
      if (range) reply.header('content-range', `bytes ${start}-${end}/${size}`);
      // The length of what GET would give.
      if (request.method === 'HEAD') return reply.send(Readable.from([]));
      return reply.send(await read(range));
    },
  );
}

type Variant = Still | 'video' | 'cues';

interface Content extends Pick<ObjectRef, 'sha256' | 'size' | 'media_type'> {
  /** Of the file, as a browser saves it. */
  name: string;
  read(range: ByteRange | undefined): Promise<Readable>;
}

/** VIDEO_NOT_READY before the job is completed; VARIANT_NOT_FOUND for what was not made of this video. */
function contentOf(job: BoardJob, variant: Variant, workspace: Workspace): Content {
  const stored = (object: ObjectRef, name: string): Content => ({
    ...object,
    name: `${job.job}${name}`,
    read: async (range) => (await workspace.objects()).stream(object.key, range),
  });
  if (variant === 'video') return stored(videoObject(job), '.mp4');
  if (variant !== 'cues') return stored(stillOf(job, variant), `-${variant.replace('_', '-')}.webp`);
  stillOf(job, 'spritesheet');
  const { frames, fps, spritesheet } = job.made!;
  const text = Buffer.from(cuesOf(spritesheet!, frames / fps));
  return {
    ...{ name: `${job.job}.vtt`, size: text.length, media_type: 'text/vtt; charset=utf-8' },
    sha256: createHash('sha256').update(text).digest('hex'),
    read: async (range) => Readable.from([range ? text.subarray(range.start, range.end + 1) : text]),
  };
}
