import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { type GenerationRequested, generationRequested, jobState, type SheetGeometry } from '../../events/schemas.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import type { QueuePlace } from '../../stores/jobs/job-queue.js';
import { isOver } from '../../stores/jobs/jobs.js';
import { momentOf, noDeadline } from '../../stores/jobs/turn-order.js';

const seconds = z.number().int().describe('seconds since 1970');

/** A job as the API tells of it: where OpenAI's video object has a field, this one has it in the same shape. */
export const video = z
  .object({
    id: z.string().describe('of the job, the same in all events that follow from the request'),
    object: z.literal('video'),
    status: jobState,
    progress: z
      .number()
      .int()
      .describe('percent of the denoising steps done; of a job that ended early, how far it had come'),
    prompt: z
      .string()
      .nullable()
      .describe('its texts, and the words that its images stand for; null if the topic no longer keeps the request'),
    model: z.string().nullable(),
    seconds: z.string().nullable().describe('length, a number as text; null until it is known'),
    size: z.string().nullable().describe('WIDTHxHEIGHT in pixels; null until it is known'),
    seed: z.number().int().nullable(),
    created_at: seconds,
    started_at: seconds.nullable().describe('when its denoising began; null before'),
    completed_at: seconds.nullable().describe('when it came to its end, whatever that was'),
    expires_at: seconds
      .nullable()
      .describe(
        'when it fails as REQUEST_EXPIRED: of a queued job start_by or finish_by, whichever is earlier, of a running one finish_by. null: never, and for a job that is over; videos do not expire',
      ),
    error: z
      .object({ code: z.string(), message: z.string(), retryable: z.boolean() })
      .nullable()
      .describe('why it failed'),
    queue: z
      .object({
        position: z.number().int().describe('1: the next'),
        ahead: z.number().int().describe('jobs that run, and those that wait and have their turn before'),
        eta_s: z
          .number()
          .int()
          .optional()
          .describe(
            'seconds until its turn, by what the same kind of jobs took on this model; left out while that is not known of each job ahead, or none runs',
          ),
      })
      .nullable()
      .describe(
        'of a queued job. It changes as others come and as they wait: docs/concepts/delivery.md, Whose turn it is',
      ),
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
    last_frame: z
      .object({ width: z.number().int(), height: z.number().int() })
      .nullable()
      .describe(
        'of the last frame, in pixels as the model drew it; null until it is made. A reference with video_id goes on from it',
      ),
    unread_parts: z
      .array(z.number().int())
      .nullable()
      .describe(
        'parts of the composed prompt, from 0, that the model did not read: clips, also one to follow where no image was there to be led or nothing moves in it; null until the video is made',
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
      ...{
        context: z.string(),
        preview: z.string(),
        thumbnail: z.string(),
        spritesheet: z.string(),
        last_frame: z.string(),
      },
    }),
  })
  .meta({ id: 'Video' });
export type Video = z.infer<typeof video>;

/** `place`: of a job that waits; `model`: what its pipeline draws with. */
export function videoOf(
  job: BoardJob,
  { place, model }: { place?: QueuePlace | undefined; model: string | null },
): Video {
  const { state, request, made, error, created, started, changed, version } = job;
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
    started_at: started === undefined ? null : inSeconds(started),
    completed_at: isOver(state) ? inSeconds(changed) : null,
    expires_at: expiryOf(job),
    error: error ? { ...error, retryable: new VimiError(error.code, '').retryable } : null,
    queue: place ? queueOf(place) : null,
    context: contextOf(job),
    preview: (state === 'in_progress' && job.preview?.sha256) || null,
    spritesheet: made?.spritesheet ? geometryOf(made.spritesheet) : null,
    last_frame: made?.last_frame ? { width: made.last_frame.width, height: made.last_frame.height } : null,
    unread_parts: made ? (made.unread ?? []) : null,
    request: { source: job.source, id: job.id, asked: request ? knownFields(request) : null },
    version,
    urls: {
      ...{ self, events: `${self}/events`, content: `${self}/content`, cancel: `${self}/cancel` },
      context: `${self}/context`,
      preview: `${self}/preview`,
      thumbnail: `${self}/content?variant=thumbnail`,
      spritesheet: `${self}/content?variant=spritesheet`,
      last_frame: `${self}/content?variant=last_frame`,
    },
  };
}

/** What a job was grounded in; null until it is known. */
export function contextOf({ made, context }: BoardJob): Video['context'] {
  if (!made)
    return (
      context?.map(({ document, caption, kind, score, ranks }) => ({ document, caption, kind, score, ranks })) ?? null
    );
  return made.context.map(({ document, caption, clip, score, ranks }) => ({
    ...{ document, caption, kind: clip ? ('clip' as const) : ('image' as const), score },
    ranks: ranks as Record<string, number | undefined>,
  }));
}

function queueOf({ ahead, seconds }: QueuePlace): NonNullable<Video['queue']> {
  return { position: ahead + 1, ahead, ...(seconds !== undefined && { eta_s: Math.round(seconds) }) };
}

function expiryOf({ state, request }: BoardJob): number | null {
  if (isOver(state)) return null;
  const { start_by, finish_by } = request ?? {};
  const expires = Math.min(momentOf(state === 'queued' ? start_by : undefined), momentOf(finish_by));
  return expires === noDeadline ? null : inSeconds(expires);
}

/** Without where it lies. */
function geometryOf({ tiles, columns, rows, tile_width, tile_height }: SheetGeometry): SheetGeometry {
  return { tiles, columns, rows, tile_width, tile_height };
}

function textOf(prompt: NonNullable<BoardJob['request']>['prompt']): string {
  if (typeof prompt === 'string') return prompt;
  return prompt.flatMap(({ text = undefined, entity = undefined }) => text ?? entity ?? []).join(' ');
}

/** Without what the schema does not know, which may be anything. */
function knownFields(request: GenerationRequested): Record<string, unknown> {
  const names = Object.keys(generationRequested.shape) as (keyof GenerationRequested)[];
  return Object.fromEntries(names.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]));
}

function inSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
