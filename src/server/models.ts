import { z } from 'zod';
import { clipsRead } from '../models/check-input.js';
import type { ModelDescription } from '../models/ports.js';
import { answers, json } from './answers/answers.js';
import { sendProblem } from './answers/failures.js';
import type { App } from './app.js';
import { modelUnknown, type ServedModel } from './videos/video-request.js';
import type { VideoService } from './videos/video-service.js';

const sizes = z.object({ frames: z.number().int(), width: z.number().int(), height: z.number().int() });

const model = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.number().int().describe('not known: 0'),
    owned_by: z.literal('vimi'),
    backend: z.string(),
    weights: z.string().nullable().describe('SHA-256 of the weights file; null: a model server that does not state it'),
    defaults: sizes.extend({ fps: z.number(), steps: z.number().int() }).describe('where a request says nothing'),
    limits: sizes.extend({
      images: z.number().int().describe('that a request may bring'),
      clips: z.number().int().describe('of one prompt that it follows: own ones, before those that were retrieved'),
    }),
    roles: z
      .array(z.enum(['subject', 'background', 'first_frame', 'motion']))
      .describe('what references of a request may be; motion: a clip'),
    multiple: z.number().int().describe('pixels: width and height are multiples of it'),
  })
  .meta({ id: 'Model' });

/** Of images. */
function rolesOf({ takes }: ModelDescription) {
  const all = ['subject', 'background', 'first_frame'] as const;
  return all.filter((role) => !takes || takes.roles.includes(role === 'first_frame' ? 'first-frame' : role));
}

/** GET /v1/models, and one of them: what draws here. */
export function addModelRoutes(app: App, service: () => Promise<VideoService>): void {
  const config = { scope: 'read' as const };
  const tags = ['videos'];
  app.get(
    '/v1/models',
    {
      config,
      schema: {
        ...{ tags, summary: 'The models that draw', operationId: 'listModels' },
        response: answers({ 200: json('All of them.', z.object({ object: z.literal('list'), data: z.array(model) })) }),
      },
    },
    async () => {
      const { models } = await service();
      return { object: 'list' as const, data: await Promise.all(models.map(shown)) };
    },
  );

  app.get(
    '/v1/models/:id',
    {
      config,
      schema: {
        ...{ tags, summary: 'One of the models that draw', operationId: 'getModel' },
        params: z.object({ id: z.string().describe('as the topology names it') }),
        response: answers({ 200: json('It.', model) }),
      },
    },
    async ({ params: { id } }, reply) => {
      const { models } = await service();
      const found = models.find(({ name }) => name === id);
      if (!found) return sendProblem(reply, modelUnknown(id, models), 404);
      return shown(found);
    },
  );
}

async function shown({ name, describe }: ServedModel): Promise<z.infer<typeof model>> {
  const described = await describe();
  const { backend, weights, defaults, multiple } = described;
  const clips = clipsRead(described);
  const limits = { ...described.limits, clips };
  const roles = [...rolesOf(described), ...(clips > 0 ? (['motion'] as const) : [])];
  const about = { backend, weights: weights ?? null, defaults, limits, roles, multiple };
  return { id: name, object: 'model', created: 0, owned_by: 'vimi', ...about };
}
