import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { jobState } from '../../events/schemas.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import { isOver } from '../../stores/jobs/jobs.js';
import { answers, json } from '../answers/answers.js';
import { gone } from '../answers/gone.js';
import { checkTags, etagOf, ifMatch, ifNoneMatch, sendTagged } from '../answers/preconditions.js';
import { streamEnd } from '../answers/stream-end.js';
import type { App } from '../app.js';
import { readForm } from '../images/form.js';
import type { Uploads } from '../images/references.js';
import { type Caller, checkWelcome } from '../keys/callers.js';
import type { Places } from '../keys/places.js';
import { ageHeader, tellAge } from './age.js';
import { askedVideo } from './asked-video.js';
import { idempotencyKey, longestWait, waitOf } from './prefer.js';
import { seenVersion, versionOf } from './seen-version.js';
import { video } from './video.js';
import { type VideoRequest, videoRequest } from './video-request.js';
import type { VideoService } from './video-service.js';

const tags = ['videos'];
export const jobParams = z.object({ id: z.string().describe('of the job') });

const prefer = z
  .string()
  .max(1000)
  .optional()
  .describe(`wait=N: the answer may come up to N seconds later (at most ${longestWait}), if the job is over by then`);

const list = z.object({
  object: z.literal('list'),
  data: z.array(video),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

const deleted = z.object({ id: z.string(), object: z.literal('video.deleted'), deleted: z.literal(true) });

declare module 'fastify' {
  interface FastifyRequest {
    /** Images and clips of a multipart request. */
    uploads?: Uploads;
  }
}

export interface Waiting {
  /** Of streams, and of callers that wait for the end of a job. */
  waiting: Places;
  /** The server closes, and nobody waits any longer. */
  closing: AbortSignal;
}

/** Ask for videos, look at their jobs, stop and delete them. */
export function addVideoRoutes(app: App, service: () => Promise<VideoService>, { waiting, closing }: Waiting): void {
  app.post(
    '/v1/videos',
    {
      config: { scope: 'create' },
      async preValidation(request, reply) {
        if (!request.isMultipart()) return;
        const { body, uploads } = await readForm(request, await service(), gone(reply));
        Object.assign(request, { body, uploads });
      },
      schema: {
        ...{ tags, summary: 'Ask for a video', operationId: 'createVideo' },
        consumes: ['application/json', 'multipart/form-data'],
        body: videoRequest,
        headers: z.object({
          prefer,
          'idempotency-key': z
            .string()
            .min(1)
            .max(200)
            .optional()
            .describe('the same request under the same key is the same job; another one is refused'),
          traceparent: z.string().max(200).optional().describe('W3C trace context, passed on to all that follows'),
        }),
        response: answers({
          200: json('The job, which is over: asked for with Prefer, or the same request before.', video),
          202: json('The job. Location is its address.', video),
        }),
      },
    },
    async (request, reply) => {
      const videos = await service();
      const { headers } = request;
      checkDocuments(request.body, request.caller);
      await videos.checkWebhook(request.body.webhook, request.caller.source);
      const event = await askedVideo(request.body, request.uploads ?? new Map(), videos, {
        caller: request.caller,
        signal: gone(reply),
      });
      const key = idempotencyKey(headers['idempotency-key']);
      const { traceparent } = headers;
      const job = await videos.submit(event, { caller: request.caller, key, traceparent });
      reply.header('location', `/v1/videos/${job.job}`);
      return waited(videos, job, request, reply, { closing, waiting, otherwise: 202 });
    },
  );

  app.get(
    '/v1/videos',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags, summary: 'List jobs', operationId: 'listVideos' },
        querystring: z.object({
          after: z.string().max(200).optional().describe('the id of the job behind which the list begins'),
          limit: z.coerce.number().int().min(1).max(100).default(20),
          order: z.enum(['asc', 'desc']).default('desc').describe('by the time of the request'),
          status: jobState.optional(),
        }),
        response: answers({ 200: json(`Jobs, one page. ${ageHeader}`, list) }),
      },
    },
    async ({ query: { after, limit, order, status }, caller }, reply) => {
      const videos = await service();
      const asked = { after, limit: limit + 1, order, state: status, source: caller.only };
      const { found, age } = await videos.list(asked);
      tellAge(reply, age);
      const page = found.slice(0, limit).map((job) => videos.shown(job));
      return {
        object: 'list' as const,
        data: page,
        first_id: page[0]?.id ?? null,
        last_id: page.at(-1)?.id ?? null,
        has_more: found.length > limit,
      };
    },
  );

  app.get(
    '/v1/videos/:id',
    {
      config: { scope: 'read', comparesTags: true },
      schema: {
        ...{ tags, summary: 'The state of a job', operationId: 'getVideo' },
        params: jobParams,
        headers: z.object({ 'last-event-id': seenVersion, 'if-match': ifMatch, 'if-none-match': ifNoneMatch }),
        response: answers({
          200: json(`The job. ${ageHeader}`, video),
          304: z.undefined().describe('It is as If-None-Match says.'),
        }),
      },
    },
    async (request, reply) => {
      const { params, headers, caller } = request;
      const videos = await service();
      const { found, age } = await videos.look(params.id, caller, versionOf(headers['last-event-id']));
      tellAge(reply, age);
      return sendTagged(request, reply, videos.shown(found));
    },
  );

  app.post(
    '/v1/videos/:id/cancel',
    {
      config: { scope: 'cancel', comparesTags: true },
      schema: {
        ...{
          tags,
          summary: 'Stop a job at its next step; a job that is over stays as it is',
          operationId: 'cancelVideo',
        },
        params: jobParams,
        headers: z.object({ prefer, 'if-match': ifMatch }),
        response: answers({
          200: json('The job as it is now: the cancellation takes effect at its next step.', video),
        }),
      },
    },
    async (request, reply) => {
      const videos = await service();
      const job = await videos.get(request.params.id, request.caller);
      checkTags(request, etagOf(videos.shown(job)));
      await videos.cancel(job);
      return waited(videos, job, request, reply, { closing, waiting, otherwise: 200 });
    },
  );

  app.delete(
    '/v1/videos/:id',
    {
      config: { scope: 'cancel', comparesTags: true },
      schema: {
        ...{
          tags,
          summary: 'Delete a job that is over, with its video; stop one that is not',
          operationId: 'deleteVideo',
        },
        params: jobParams,
        headers: z.object({ 'if-match': ifMatch }),
        response: answers({
          200: json('It is gone.', deleted),
          202: json('The job was not over: it is being cancelled. Delete it again then.', video),
        }),
      },
    },
    async (request, reply) => {
      const videos = await service();
      const job = await videos.get(request.params.id, request.caller);
      checkTags(request, etagOf(videos.shown(job)));
      if (!isOver(job.state)) {
        await videos.cancel(job);
        return reply.code(202).send(videos.shown(job));
      }
      await videos.remove(job);
      return reply.code(200).send({ id: job.job, object: 'video.deleted' as const, deleted: true as const });
    },
  );
}

/** Whoever may not look at documents and videos gets none into a video either. */
function checkDocuments({ references = [], retrieval }: VideoRequest, caller: Caller): void {
  if (caller.may('read')) return;
  const at = references.findIndex((one) => (one.document_id ?? one.video_id) !== undefined);
  const { pin = [], exclude = [] } = retrieval || {};
  const named = pin.length > 0 ? 'retrieval.pin' : exclude.length > 0 ? 'retrieval.exclude' : undefined;
  const field = references[at]?.video_id === undefined ? 'document_id' : 'video_id';
  const where = at < 0 ? named : `references.${at}.${field}`;
  if (where === undefined) return;
  throw new VimiError('KEY_REFUSED', 'This key may not use documents of the corpus, or videos and their frames', {
    ...{ expected: 'a key with the scope read', where },
  });
}

/** The job once it is over, as far as the caller waits for that and has a place to. `otherwise`: the status where it is not over in time. */
async function waited(
  videos: VideoService,
  job: BoardJob,
  request: FastifyRequest,
  reply: FastifyReply,
  { closing, waiting, otherwise }: Waiting & { otherwise: 200 | 202 },
) {
  const seconds = waitOf(request.headers.prefer);
  const leave = seconds === 0 ? undefined : waiting.enter(request.caller);
  if (!leave) return reply.code(isOver(job.state) ? 200 : otherwise).send(videos.shown(job));
  const now = await videos.untilOver(job, seconds, streamEnd(request, reply, closing, leave));
  await checkWelcome(request, reply);
  reply.header('preference-applied', `wait=${seconds}`);
  return reply.code(isOver(now.state) ? 200 : otherwise).send(videos.shown(now));
}
