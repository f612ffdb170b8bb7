import { z } from 'zod';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import { isOver } from '../../stores/jobs/jobs.js';
import { answers, bytes } from '../answers/answers.js';
import { type ServerEvent, streamEvents } from '../answers/event-stream.js';
import { streamEnd } from '../answers/stream-end.js';
import type { App } from '../app.js';
import { NoPlace } from '../keys/places.js';
import { jobParams, type Waiting } from './routes.js';
import { versionOf } from './seen-version.js';
import type { VideoService } from './video-service.js';

const remedy = 'GET the job from time to time instead, or connect again later.';

/** What is new of a job since it was told of. */
function newsOf(now: BoardJob, before: BoardJob | undefined): 'status' | 'context' | 'preview' | 'progress' {
  if (now.state !== before?.state) return 'status';
  if (now.context && !before.context) return 'context';
  return now.preview?.sha256 === before.preview?.sha256 ? 'progress' : 'preview';
}

/**
 * GET /v1/videos/{id}/events: the job as server-sent events. Each carries the whole job as GET gives it, so nothing exists on
 * the stream alone; its id is the version of the job, the same from every process.
 */
export function addEventsRoute(app: App, service: () => Promise<VideoService>, { waiting, closing }: Waiting): void {
  app.get(
    '/v1/videos/:id/events',
    {
      exposeHeadRoute: false,
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['videos'], summary: 'A job as server-sent events, until it is over', operationId: 'followVideo' },
        params: jobParams,
        headers: z.object({
          'last-event-id': z
            .string()
            .max(1000)
            .optional()
            .describe('what this client has: then only what is newer is sent'),
        }),
        response: answers({
          200: bytes(
            'status, when the job is queued or taken up; context, when it is known what the prompt is grounded in; preview, when there is a new one; progress; end, with which the stream ends; deleted, if somebody deletes it. The data is the job.',
            'text/event-stream',
          ),
          204: z.undefined().describe('The job is over, and this client has its end: no need to connect again.'),
        }),
      },
    },
    async (request, reply) => {
      const videos = await service();
      const { id } = request.params;
      const { found: job, age } = await videos.look(id, request.caller);
      // Anything that is no version of this job counts as none.
      let told = request.headers['last-event-id'];
      // Until then a version of the client may be one that this process has not heard of.
      let isCurrent = age === undefined;
      if (told === String(job.version) && isOver(job.state)) return reply.code(204).send();
      const free = waiting.enter(request.caller);
      if (!free) throw new NoPlace('STREAMS_FULL', 'streams', waiting.taken(request.caller), remedy);
      let last: BoardJob | undefined;
      const next = (): ServerEvent | undefined => {
        const now = videos.known(id);
        if (!now) return { event: 'deleted', id: told ?? '0', data: { id }, isLast: true };
        const version = String(now.version);
        if (version === told || (!isCurrent && now.version < versionOf(told))) return undefined;
        const isLast = isOver(now.state);
        const event = isLast ? 'end' : newsOf(now, last);
        [told, last] = [version, now];
        return { event, id: version, data: videos.shown(now), isLast };
      };
      reply.hijack();
      // It left while its job was looked up: nothing more is heard of it.
      if (reply.raw.destroyed) {
        free();
        return reply;
      }
      let leave = () => {};
      const ending = streamEnd(request, reply, closing, () => {
        free();
        leave();
      });
      const look = streamEvents(reply.raw, { next, closing: ending });
      leave = videos.onChange(id, look);
      // What was said since it looked.
      look();
      if (!isCurrent)
        videos.current().then(
          () => {
            isCurrent = true;
            look();
          },
          () => {},
        );
      return reply;
    },
  );
}
