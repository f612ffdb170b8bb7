import { z } from 'zod';
import { seePipelines } from '../../app/looks/pipelines.js';
import type { Workspace } from '../../app/workspace.js';
import { either } from '../../core/either.js';
import { VimiError } from '../../core/errors.js';
import { answers, json } from '../answers/answers.js';
import { gone } from '../answers/gone.js';
import type { App } from '../app.js';
import { NoPlace, Places } from '../keys/places.js';

const count = z.number().int();
const rate = z.number().nullable().describe('events a second between the two looks; null with over=0');
const time = z.number().nullable();

const step = z.object({
  step: z.string().describe('its name in the topology'),
  operator: z.string(),
  segment: z.string().nullable().describe('the segment that it comes from'),
  rate,
  in_flight: count.describe('events that it works on, and those that wait for their turn in it'),
  p50: time.describe('seconds that half of the events took at most; null: none left it between the looks'),
  p99: time,
  oldest: z.number().describe('seconds that the oldest event is in it'),
  rejected: count.describe('dead letters of this step since the process began'),
});

const jobs = z.object({
  queued: count,
  in_progress: count,
  running: z
    .array(z.object({ job: z.string(), progress: z.number().describe('0 to 1'), seconds: z.number() }))
    .describe('those in progress, the oldest request first, and the seconds since each was read'),
});

const pipeline = z
  .object({
    name: z.string(),
    state: z
      .enum(['running', 'paused', 'starting', 'absent'])
      .describe('absent: this process does not run it; another may'),
    troubles: z
      .array(z.object({ code: z.string(), step: z.string(), message: z.string(), remedy: z.string() }))
      .describe('why it is paused'),
    from: z.string().describe('the topic that it reads'),
    to: z
      .array(z.union([z.object({ topic: z.string() }), z.object({ objects: z.string() })]))
      .describe('where its results go'),
    rejects: z.string().nullable().describe('the topic of its dead letters'),
    rate,
    lag: count
      .nullable()
      .describe(
        'offsets between the committed one and the end of the topic, whoever runs the pipeline; null: the log is away',
      ),
    waiting: count
      .nullable()
      .describe('events of the topic without an outcome, those in flight included; null as for lag'),
    delivered: count.describe('events, since this process began'),
    rejected: count,
    dropped: count,
    in_flight: count.describe('records read, and without an outcome yet'),
    max_in_flight: count,
    awaiting_commit: count,
    jobs: jobs
      .nullable()
      .describe('of this process, without an outcome; null: its events ask for none, or it does not run here'),
    steps: z.array(step).describe('in the order in which events pass them'),
  })
  .meta({ id: 'Pipeline' });

const list = z.object({ object: z.literal('list'), data: z.array(pipeline) });

/** Answers that wait for their second look. */
const mostLooks = 100;
const remedy = 'Look again later, or read /metrics.';

/** GET /v1/pipelines: the topology, and what this process does of it. */
export function addPipelinesRoute(app: App, workspace: Workspace, closing: AbortSignal): void {
  const looks = new Places(mostLooks);
  app.get(
    '/v1/pipelines',
    {
      exposeHeadRoute: false,
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['operations'], operationId: 'listPipelines' },
        summary: 'The pipelines with their steps, rates, lag and troubles, as this process sees them',
        querystring: z.object({
          over: z.coerce
            .number()
            .min(0)
            .max(10)
            .default(1)
            .describe(
              'seconds between the two looks that rates and times are taken from; the answer takes as long. 0: none',
            ),
        }),
        response: answers({ 200: json('Pipelines, in the order of the topology.', list) }),
      },
    },
    async ({ query: { over }, caller }, reply) => {
      const leave = looks.enter(caller);
      if (!leave) throw new NoPlace('STREAMS_FULL', 'looks at the pipelines', looks.taken(caller), remedy);
      const { signal, letGo } = either(closing, gone(reply));
      try {
        return { object: 'list' as const, data: await seePipelines(workspace, over, signal) };
      } catch (thrown) {
        if (closing.aborted) throw new VimiError('SERVER_CLOSING', 'This server is closing and takes nothing more');
        if (signal.aborted) throw new VimiError('CANCELLED', 'Whoever asked is gone');
        throw thrown;
      } finally {
        letGo();
        leave();
      }
    },
  );
}
