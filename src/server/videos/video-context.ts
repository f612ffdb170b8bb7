import { z } from 'zod';
import { recordOf } from '../../app/reproduce.js';
import type { Workspace } from '../../app/workspace.js';
import { corpusState, prompt } from '../../events/prompt.js';
import { videoCompleted } from '../../events/schemas.js';
import { answers, json } from '../answers/answers.js';
import type { App } from '../app.js';
import { found, foundEntry } from '../corpus/found.js';
import { tellAge } from './age.js';
import { jobParams } from './routes.js';
import { contextOf } from './video.js';
import type { VideoService } from './video-service.js';

const known = z
  .object({
    id: z.string().describe('of the job'),
    object: z.literal('video.context'),
    context: z.array(found).nullable().describe('what was retrieved, best first; null until it is known'),
    ...{
      corpus: corpusState
        .nullable()
        .describe('the state of the corpus at the time; null until the video is made, or where it is gone'),
    },
    retrieval: videoCompleted.shape.retrieval
      .nullable()
      .describe(
        'the documents that the request pinned and excluded, and its filter; null: none, or not made yet, or gone',
      ),
    prompt: prompt.nullable().describe('what the model read; null until the video is made, or where it is gone'),
  })
  .meta({ id: 'VideoContext' });

/** GET /v1/videos/{id}/context: what a job was grounded in, and what its model read, as POST /v1/context says of a request. */
export function addVideoContextRoute(app: App, service: () => Promise<VideoService>, workspace: Workspace): void {
  app.get(
    '/v1/videos/:id/context',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['videos'], summary: 'What a job was grounded in', operationId: 'getVideoContext' },
        params: jobParams,
        response: answers({ 200: json('Its documents, and once the video is made what the model read.', known) }),
      },
    },
    async ({ params, caller }, reply) => {
      const { found: job, age } = await (await service()).look(params.id, caller);
      tellAge(reply, age);
      const record = job.video && (await recordOf(job.video, await workspace.objects()));
      return {
        id: job.job,
        object: 'video.context' as const,
        context: contextOf(job)?.map(foundEntry) ?? null,
        corpus: record?.corpus ?? null,
        retrieval: record?.retrieval ?? null,
        prompt: record?.prompt ?? null,
      };
    },
  );
}
