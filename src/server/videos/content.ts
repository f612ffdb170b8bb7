import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { answers, bytes } from '../answers/answers.js';
import { isFresh, rangeOf } from '../answers/ranges.js';
import type { App } from '../app.js';
import { jobParams } from './routes.js';
import type { VideoService } from './video-service.js';

/** GET /v1/videos/{id}/content: the MP4, whole or in parts. */
export function addContentRoute(app: App, service: () => Promise<VideoService>, workspace: Workspace): void {
  app.get(
    '/v1/videos/:id/content',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['videos'], summary: 'The MP4 of a completed job', operationId: 'getVideoContent' },
        params: jobParams,
        querystring: z.object({ variant: z.enum(['video']).default('video').describe('video: the MP4') }),
        headers: z.object({
          range: z.string().max(1000).optional().describe('bytes=0-1023: a part of it'),
          'if-none-match': z.string().max(4000).optional(),
          'if-range': z.string().max(1000).optional(),
        }),
        response: answers({
          200: bytes('The MP4. Its ETag is the SHA-256 of its bytes.', 'video/mp4'),
          206: bytes('The part that was asked for.', 'video/mp4'),
          304: z.undefined().describe('It is the one that If-None-Match names.'),
        }),
      },
    },
    async (request, reply) => {
      const { headers, params, caller } = request;
      const job = await (await service()).get(params.id, caller);
      if (!job.video)
        throw new VimiError('VIDEO_NOT_READY', 'This job has no video', {
          expected: 'a job that is completed',
          found: job.state.replace('_', ' '),
        });
      const { key, sha256, size, media_type } = job.video;
      const etag = `"${sha256}"`;
      reply.headers({
        etag,
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-cache',
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
      reply.header('content-type', media_type).header('content-disposition', `inline; filename="${job.job}.mp4"`);
      const { start, end } = range ?? { start: 0, end: size - 1 };
      reply.code(range ? 206 : 200).header('content-length', end - start + 1);
      if (range) reply.header('content-range', `bytes ${start}-${end}/${size}`);
      const objects = await workspace.objects();
      // The length of what GET would give.
      if (request.method === 'HEAD') return reply.send(Readable.from([]));
      return reply.send(await objects.stream(key, range));
    },
  );
}
