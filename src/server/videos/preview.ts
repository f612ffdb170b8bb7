import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { previewKey } from '../../operators/requests/job-progress.js';
import { answers, bytes } from '../answers/answers.js';
import { checkTags, ifMatch, ifNoneMatch, isFresh } from '../answers/preconditions.js';
import type { App } from '../app.js';
import { jobParams } from './routes.js';
import type { VideoService } from './video-service.js';

/** Of a preview, which is a frame of at most 256 pixels a side. */
const mostBytes = 1_000_000;

/** GET /v1/videos/{id}/preview: a frame of what a video looks like while it is drawn. */
export function addPreviewRoute(app: App, service: () => Promise<VideoService>, workspace: Workspace): void {
  app.get(
    '/v1/videos/:id/preview',
    {
      config: { scope: 'read', comparesTags: true },
      schema: {
        ...{ tags: ['videos'], summary: 'The newest preview of a job that is drawn', operationId: 'getVideoPreview' },
        params: jobParams,
        headers: z.object({ 'if-match': ifMatch, 'if-none-match': ifNoneMatch }),
        response: answers({
          200: bytes('A frame. Its ETag is the SHA-256 of its bytes.', 'image/webp'),
          304: z.undefined().describe('It is the one that If-None-Match names.'),
        }),
      },
    },
    async (request, reply) => {
      const { params, caller, headers } = request;
      const { job, state, preview } = await (await service()).get(params.id, caller);
      const frame = state === 'in_progress' && preview ? await read(job, workspace) : undefined;
      if (!frame)
        throw new VimiError('PREVIEW_NOT_FOUND', 'This job has no preview now', {
          expected: 'a job in progress, of which a preview was made',
          found: state.replace('_', ' '),
        });
      const etag = `"${createHash('sha256').update(frame).digest('hex')}"`;
      checkTags(request, etag);
      reply.headers({ etag, 'cache-control': 'private, no-cache, no-transform', 'x-content-type-options': 'nosniff' });
      if (isFresh(headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('image/webp').send(frame);
    },
  );
}

/** undefined: it has been removed meanwhile, since the job is over. */
async function read(job: string, workspace: Workspace): Promise<Buffer | undefined> {
  try {
    return await (await workspace.objects()).get(previewKey(job), { maxBytes: mostBytes });
  } catch (thrown) {
    if (thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND') return undefined;
    throw thrown;
  }
}
