import { z } from 'zod';
import { answers, json } from './answers/answers.js';
import type { App } from './app.js';
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
    limits: sizes.extend({ images: z.number().int().describe('that a request may bring') }),
    multiple: z.number().int().describe('pixels: width and height are multiples of it'),
  })
  .meta({ id: 'Model' });

/** GET /v1/models: what draws here. */
export function addModelsRoute(app: App, service: () => Promise<VideoService>): void {
  app.get(
    '/v1/models',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['videos'], summary: 'The models that draw', operationId: 'listModels' },
        response: answers({ 200: json('All of them.', z.object({ object: z.literal('list'), data: z.array(model) })) }),
      },
    },
    async () => {
      const { models } = await service();
      const data = await Promise.all(
        models.map(async ({ name, describe }) => {
          const { backend, weights, defaults, limits, multiple } = await describe();
          const about = { backend, weights: weights ?? null, defaults, limits, multiple };
          return { id: name, object: 'model' as const, created: 0, owned_by: 'vimi' as const, ...about };
        }),
      );
      return { object: 'list' as const, data };
    },
  );
}
