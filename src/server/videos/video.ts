import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { type GenerationRequested, generationRequested, jobState, type SheetGeometry } from '../../events/schemas.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import { isOver } from '../../stores/jobs/jobs.js';

const seconds = z.number().int().describe('seconds since 1970');

/** A job as the API tells of it: where OpenAI's video object has a field, this one has it in the same shape. */
export const video = z
  .object({
    id: z.string().describe('of the job, the same in all events that follow from the request'),
    object: z.literal('video'),
    status: jobState,
    progress: z.number().int().describe('percent of the denoising steps done'),
    prompt: z.string().nullable().describe('its texts; null if the topic no longer keeps the request'),
    model: z.string().nullable(),
    seconds: z.string().nullable().describe('length, a number as text; null until it is known'),
    size: z.string().nullable().describe('WIDTHxHEIGHT in pixels; null until it is known'),
    seed: z.number().int().nullable(),
    created_at: seconds,
    completed_at: seconds.nullable().describe('when it came to its end, whatever that was'),
    expires_at: z.null().describe('nothing expires'),
    error: z
      .object({ code: z.string(), message: z.string(), retryable: z.boolean() })
      .nullable()
      .describe('why it failed'),
    queue: z
      .object({
        position: z.number().int().describe('1: the next'),
        ahead: z.number().int().describe('jobs that were asked for before and are not over'),
      })
      .nullable()
      .describe('of a queued job. Jobs start in this order within a partition of the topic, not beyond'),
    context: z
      .array(
        z.object({
          document: z.string(),
          caption: z.string(),
          kind: z.enum(['image', 'clip']).describe('clip: a motion example'),
          score: z.number(),
          ranks: z.record(z.string(), z.number().optional()),
        }),
      )
      .nullable()
      .describe(
        'what the prompt was grounded in: images, then motion examples, best first; null until it is known: shortly before the first step, if it is anything',
      ),
    preview: z
      .string()
      .nullable()
      .describe('SHA-256 of the newest preview, which urls.preview gives; null unless it is drawn'),
    spritesheet: z
      .object({
        tiles: z.number().int().describe('frames in it; tile n stands for the n-th part of the video'),
        columns: z.number().int(),
        rows: z.number().int(),
        tile_width: z.number().int().describe('pixels'),
        tile_height: z.number().int().describe('pixels'),
      })
      .nullable()
      .describe('how the tiles of variant=spritesheet lie, row by row; null until it is made'),
    unread_parts: z
      .array(z.number().int())
      .nullable()
      .describe(
        'parts of the composed prompt, from 0, that the model did not read: clips; null until the video is made',
      ),
    request: z
      .object({
        source: z.string(),
        id: z.string(),
        asked: z
          .record(z.string(), z.unknown())
          .nullable()
          .describe('its fields; inline images are without their bytes. null if the topic no longer keeps it'),
      })
      .describe('the request as its sender named it'),
    version: z.number().int().describe('grows with each change'),
    urls: z.object({
      ...{ self: z.string(), events: z.string(), content: z.string(), cancel: z.string() },
      ...{ preview: z.string(), thumbnail: z.string(), spritesheet: z.string() },
    }),
  })
  .meta({ id: 'Video' });
export type Video = z.infer<typeof video>;

/** `ahead`: jobs before it; `model`: what its pipeline draws with. */
export function videoOf(job: BoardJob, { ahead, model }: { ahead: number; model: string | null }): Video {
  const { state, request, made, error, created, changed, version } = job;
  const frames = made?.frames ?? request?.frames;
  const fps = made?.fps ?? request?.fps;
  const { width, height } = made ?? request ?? {};
  const self = `/v1/videos/${job.job}`;
  return {
    id: job.job,
    object: 'video',
    status: state,
    progress: state === 'completed' ? 100 : Math.round((job.progress ?? 0) * 100),
    prompt: request ? textOf(request.prompt) : null,
    model: made?.model.name ?? model,
    seconds: frames !== undefined && fps !== undefined ? String(Number((frames / fps).toFixed(3))) : null,
    size: width !== undefined && height !== undefined ? `${width}x${height}` : null,
    seed: made?.seed ?? request?.seed ?? null,
    created_at: inSeconds(created),
    completed_at: isOver(state) ? inSeconds(changed) : null,
    expires_at: null,
    error: error ? { ...error, retryable: new VimiError(error.code, '').retryable } : null,
    queue: state === 'queued' ? { position: ahead + 1, ahead } : null,
    context: contextOf(job),
    preview: (state === 'in_progress' && job.preview?.sha256) || null,
    spritesheet: made?.spritesheet ? geometryOf(made.spritesheet) : null,
    unread_parts: made ? (made.unread ?? []) : null,
    request: { source: job.source, id: job.id, asked: request ? knownFields(request) : null },
    version,
    urls: {
      ...{ self, events: `${self}/events`, content: `${self}/content`, cancel: `${self}/cancel` },
      preview: `${self}/preview`,
      thumbnail: `${self}/content?variant=thumbnail`,
      spritesheet: `${self}/content?variant=spritesheet`,
    },
  };
}

function contextOf({ made, context }: BoardJob): Video['context'] {
  if (!made)
    return (
      context?.map(({ document, caption, kind, score, ranks }) => ({ document, caption, kind, score, ranks })) ?? null
    );
  return made.context.map(({ document, caption, clip, score, ranks }) => ({
    ...{ document, caption, kind: clip ? ('clip' as const) : ('image' as const), score },
    ranks: ranks as Record<string, number | undefined>,
  }));
}

/** Without where it lies. */
function geometryOf({ tiles, columns, rows, tile_width, tile_height }: SheetGeometry): SheetGeometry {
  return { tiles, columns, rows, tile_width, tile_height };
}

function textOf(prompt: NonNullable<BoardJob['request']>['prompt']): string {
  if (typeof prompt === 'string') return prompt;
  return prompt.flatMap(({ text }) => (typeof text === 'string' ? [text] : [])).join(' ');
}

/** Without what the schema does not know, which may be anything. */
function knownFields(request: GenerationRequested): Record<string, unknown> {
  const names = Object.keys(generationRequested.shape) as (keyof GenerationRequested)[];
  return Object.fromEntries(names.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]));
}

function inSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
