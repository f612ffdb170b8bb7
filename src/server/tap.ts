import { z } from 'zod';
import { didYouMean } from '../core/did-you-mean.js';
import { VimiError } from '../core/errors.js';
import { flowFilter } from '../streams/delivery/flow-filter.js';
import { readable } from '../streams/delivery/readable.js';
import type { Look, Taps } from '../streams/delivery/taps.js';
import { answers, bytes } from './answers/answers.js';
import { type ServerEvent, streamEvents } from './answers/event-stream.js';
import { streamEnd } from './answers/stream-end.js';
import type { App } from './app.js';

/** What waits for a reader, and what is told in a second; of what comes on top, only the number is told. So no tap costs a busy pipeline much. */
const mostWaiting = 200;
const mostASecond = 250;
const mostTaps = 20;

/** The steps of the pipeline that was meant, or patterns for all steps of each pipeline. */
function namedLike(pattern: string, names: readonly string[]): string {
  const pipelineOf = (name: string) => name.slice(0, name.indexOf('.'));
  const pipelines = [...new Set(names.map(pipelineOf))];
  const meant = pipelines.find((pipeline) => pattern === pipeline || pattern.startsWith(`${pipeline}.`));
  const likely = names.filter((name) => pipelineOf(name) === meant);
  return (likely.length > 0 ? [`${meant}.*`, ...likely] : pipelines.map((pipeline) => `${pipeline}.*`)).join(', ');
}

/** GET /v1/tap: what steps hand on, as server-sent events, of this process alone. */
export function addTapRoute(app: App, taps: Taps, closing: AbortSignal): void {
  let open = 0;
  app.get(
    '/v1/tap',
    {
      exposeHeadRoute: false,
      config: { scope: 'admin' },
      schema: {
        ...{ tags: ['operations'], summary: 'What steps hand on, or take, as it happens', operationId: 'tapSteps' },
        querystring: z.object({
          step: z.string().min(1).max(200).describe('PIPELINE.STEP; * stands for any characters'),
          sample: z.coerce.number().int().min(1).max(1_000_000).default(1).describe('only one of so many'),
          interval: z.coerce.number().min(0).max(86_400).default(0).describe('at most one event in so many seconds'),
          side: z.enum(['input', 'output']).default('output').describe('what the step takes, or what it hands on'),
          limit: z.coerce.number().int().min(1).max(1_000_000).optional().describe('the stream ends after so many'),
          filter: z
            .string()
            .max(300)
            .optional()
            .describe('PATH=VALUE, !=, <, > or ~ (holds a text), such as query.text~fox'),
        }),
        response: answers({
          200: bytes(
            'First an event `listening` with the names of the steps. Then an event `handed` for each: pipeline, step, event, part, where, data (long values by their size), and how many were missed before it, because this reader was slow or more than 250 came in a second.',
            'text/event-stream',
          ),
        }),
      },
    },
    async (request, reply) => {
      const { step: pattern, sample, interval, side, limit, filter } = request.query;
      const isWanted = filter === undefined ? () => true : flowFilter(filter);
      if (open >= mostTaps)
        throw new VimiError('STREAMS_FULL', 'Too many taps are open', {
          expected: `at most ${mostTaps}`,
          remedy: 'Close one first.',
        });
      const waiting: object[] = [];
      let [seen, missed, told, queued] = [0, 0, 0, 0];
      let second = { began: performance.now(), told: 0 };
      let nextAt = 0;
      let wake = () => {};
      const look: Look = ({ pipeline, step }, { event, part, origin, data }) => {
        if (!isWanted(data) || seen++ % sample !== 0 || (limit !== undefined && queued >= limit)) return;
        const now = performance.now();
        if (now < nextAt) return;
        nextAt = now + interval * 1000;
        if (now - second.began >= 1000) second = { began: now, told: 0 };
        if (waiting.length >= mostWaiting || second.told >= mostASecond) {
          missed++;
          return;
        }
        queued++;
        second.told++;
        waiting.push({
          ...{ pipeline, step, event: event.id, source: event.source, part },
          where: `${origin.topic}/${origin.partition}/${origin.offset}`,
          ...{ missed, data: readable(data) },
        });
        missed = 0;
        wake();
      };
      const looking = taps.look(pattern, look, side);
      if (!looking)
        throw new VimiError('HTTP_MALFORMED', `No step that runs here is called so${didYouMean(pattern, taps.names)}`, {
          expected: namedLike(pattern, taps.names) || 'a step of a pipeline that runs in this process',
          found: pattern,
          where: 'step',
        });
      const { steps, stop } = looking;
      reply.hijack();
      if (reply.raw.destroyed) {
        stop();
        return reply;
      }
      open++;
      const ending = streamEnd(request, reply, closing, () => {
        open--;
        stop();
      });
      let hasSaid = false;
      const next = (): ServerEvent | undefined => {
        if (!hasSaid) {
          hasSaid = true;
          return { event: 'listening', id: '0', data: { steps } };
        }
        const data = waiting.shift();
        if (!data) return undefined;
        told++;
        return { event: 'handed', id: String(told), data, isLast: told === limit };
      };
      const tell = streamEvents(reply.raw, { next, closing: ending });
      wake = () => {
        while (waiting.length > 0) {
          const before = waiting.length;
          tell();
          if (waiting.length === before) return;
        }
      };
      reply.raw.on('drain', () => wake());
      wake();
      return reply;
    },
  );
}
