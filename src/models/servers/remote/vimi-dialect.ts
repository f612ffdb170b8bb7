import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { leftOut } from '../../../events/input.js';
import { sha256 } from '../../../events/prompt.js';
import { formatOf } from '../../../media/image-formats.js';
import { decodeImage, frameAsWebp } from '../../../media/images.js';
import type { ModelDescription } from '../../ports.js';
import { answeredVideo, mostVideoBytes } from './answered-video.js';
import { answerOf, checkStatus, mostJsonBytes } from './answers.js';
import type { Dialect, ServerJob, Wanted, Written } from './dialect.js';
import { type Answered, away, type Call, exchange, placeOf, type ServerAddress } from './exchange.js';
import type { ReferenceRole, ServerReference } from './prompt-words.js';

/*
 * vimi's own words, which infra/model-server and every vimi with an HTTP API speak (docs/guides/model-servers.md):
 *
 *   GET  /v1/models                       what it makes, and what it takes
 *   POST /v1/videos                       a job; Idempotency-Key: the same job
 *   GET  /v1/videos/ID                    its state and progress
 *   POST /v1/videos/ID/cancel
 *   GET  /v1/videos/ID/preview            what it looks like so far, where the job says that there is a preview
 *   DELETE /v1/videos/ID                  once the frames were read
 *   GET  /v1/videos/ID/content?variant=frames   all frames as .npy, where the model says so; else the MP4
 */

/** What a stranger may send as one frame for people to look at. */
const mostPreviewBytes = 2 * 2 ** 20;
const mostPreviewPixels = 1_000_000;

const count = z.number().int().min(1).max(1_000_000);
const name = z.string().min(1).max(200);
const roles = ['subject', 'background', 'first_frame', 'motion'] as const;
const size = { frames: count, width: count, height: count };
const weight = z.number().min(0).max(100);

const model = z.looseObject({
  id: name,
  weights: leftOut(sha256),
  backend: leftOut(name),
  sampler: leftOut(name),
  parameters: leftOut(z.number().int().nonnegative()),
  defaults: z.looseObject({
    ...size,
    fps: z.number().min(0.1).max(1000),
    steps: z.number().int().min(1).max(1000),
    guidance: leftOut(z.union([weight, z.looseObject({ text: weight, image: weight })])),
  }),
  limits: z.looseObject({
    ...size,
    images: z.number().int().min(0).max(1000),
    clips: leftOut(z.number().int().min(0).max(1000)),
  }),
  multiple: leftOut(count),
  frame_counts: leftOut(z.looseObject({ every: count, plus: z.number().int().min(0).max(1000) })),
  roles: leftOut(z.array(z.string().max(100)).max(100)),
  entities: leftOut(z.boolean()),
  content: leftOut(z.array(z.string().max(100)).max(100)),
});
const models = z.looseObject({ data: z.array(model).min(1).max(1000) });

const job = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9._:-]{1,200}$/, 'letters, digits, dots, dashes, underscores and colons'),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']),
  progress: leftOut(z.number().min(0).max(100)),
  weights: leftOut(sha256),
  preview: leftOut(z.string().max(200)),
  error: leftOut(
    z.looseObject({
      code: leftOut(z.string().max(1000)),
      message: leftOut(z.string().max(10_000)),
      retryable: leftOut(z.boolean()),
    }),
  ),
});

export interface VimiServer extends ServerAddress {
  /** One of those that it serves; its first when left out. */
  model?: string | undefined;
  /** For videos that are decoded. */
  workDir: string;
}

export function vimiDialect(server: VimiServer): Dialect {
  const call = (one: Omit<Call, 'mostBytes'>) => exchange(server, { ...one, mostBytes: mostJsonBytes });
  let said: z.output<typeof model> | undefined;
  return {
    async describe(signal) {
      const answered = await call({ method: 'GET', path: 'v1/models', ...(signal && { signal }) });
      if (answered.status === 404) throw away(server, 'no list of models: GET /v1/models has status 404');
      const { data } = readList(answered, server);
      const found = server.model === undefined ? data[0] : data.find(({ id }) => id === server.model);
      if (!found)
        throw away(
          server,
          `no model '${server.model}', but ${data
            .map(({ id }) => id)
            .slice(0, 20)
            .join(', ')}`,
        );
      said = found;
      return descriptionOf(found, server);
    },
    write: (wanted) => written(wanted, said!),
    async submit({ body }, key) {
      const headers = { 'idempotency-key': `"${key}"` };
      return jobOf(answerOf(job, await call({ method: 'POST', path: 'v1/videos', body, headers }), server));
    },
    async look(id, signal) {
      const answered = await call({ method: 'GET', path: `v1/videos/${encodeURIComponent(id)}`, signal });
      return isUnknown(answered) ? undefined : jobOf(answerOf(job, answered, server));
    },
    async cancel(id) {
      await call({ method: 'POST', path: `v1/videos/${encodeURIComponent(id)}/cancel` });
    },
    async forget(id) {
      await call({ method: 'DELETE', path: `v1/videos/${encodeURIComponent(id)}` });
    },
    async preview(id, signal) {
      const path = `v1/videos/${encodeURIComponent(id)}/preview`;
      const answered = await exchange(server, { method: 'GET', path, signal, mostBytes: mostPreviewBytes });
      if (answered.status !== 200 || formatOf(answered.body)?.name !== 'webp') return undefined;
      return decodeImage(answered.body, placeOf(server), { maxPixels: mostPreviewPixels });
    },
    async frames(id, wanted, signal) {
      const variant = said?.content?.includes('frames') ? 'frames' : 'video';
      const path = `v1/videos/${encodeURIComponent(id)}/content?variant=${variant}`;
      const answered = await exchange(server, { method: 'GET', path, signal, mostBytes: mostVideoBytes(wanted) });
      if (isUnknown(answered)) return undefined;
      checkStatus(answered, server);
      return answeredVideo(answered.body, wanted, { workDir: server.workDir, signal, where: placeOf(server) });
    },
  };
}

/** A server that cannot say what it has is none for anybody. */
function readList(answered: Answered, server: ServerAddress): z.output<typeof models> {
  try {
    return answerOf(models, answered, server);
  } catch (thrown) {
    if (!(thrown instanceof VimiError) || thrown.fault === 'surroundings') throw thrown;
    throw away(server, `no list of models: ${thrown.found ?? thrown.message}`, thrown);
  }
}

const isUnknown = ({ status }: Answered) => status === 404 || status === 410;

function descriptionOf(found: z.output<typeof model>, server: ServerAddress): ModelDescription {
  const { defaults, limits, frame_counts: frameCounts, weights } = found;
  const { frames, width, height, fps, steps, guidance = 1 } = defaults;
  const takenRoles = found.roles ?? roles.filter((role) => role !== 'motion');
  const isTaken = (role: ReferenceRole) => limits.images > 0 && takenRoles.includes(role);
  return {
    name: found.id,
    ...(weights !== undefined && { weights }),
    backend: found.backend ?? 'not stated',
    parameters: found.parameters ?? 0,
    sampler: found.sampler ?? 'not stated',
    server: { url: placeOf(server), dialect: 'vimi' },
    defaults: {
      ...{ frames, width, height, fps, steps },
      guidance:
        typeof guidance === 'number'
          ? { text: guidance, image: guidance }
          : { text: guidance.text, image: guidance.image },
    },
    limits: { frames: limits.frames, width: limits.width, height: limits.height, images: limits.images },
    multiple: found.multiple ?? 1,
    ...(frameCounts && { frameCounts: { every: frameCounts.every, plus: frameCounts.plus } }),
    takes: {
      roles: [
        ...(isTaken('subject') ? (['subject'] as const) : []),
        ...(isTaken('background') ? (['background'] as const) : []),
        ...(isTaken('first_frame') ? (['first-frame'] as const) : []),
      ],
      clips: takenRoles.includes('motion') ? (limits.clips ?? 1) : 0,
    },
  };
}

async function written(wanted: Wanted, { id, entities = false }: z.output<typeof model>): Promise<Written> {
  const { prompt, frames, width, height, fps, steps, guidance, seed } = wanted;
  const settings = { model: id, prompt: prompt.text, frames, width, height, fps, steps, guidance, seed };
  const references = await Promise.all(prompt.references.map((one) => referenceOf(one, entities)));
  // It was grounded here already.
  const body = { ...settings, retrieval: false, references: references.map(({ sent }) => sent) };
  return {
    body: { type: 'application/json', bytes: Buffer.from(JSON.stringify(body)) },
    asked: { ...settings, references: references.map(({ named }) => named) },
  };
}

async function referenceOf({ role, entity, content }: ServerReference, entities: boolean) {
  const [type, bytes] =
    'image' in content
      ? (['image/webp', await frameAsWebp(content.image)] as const)
      : (['video/mp4', Buffer.from(content.clip)] as const);
  const about = { role, ...(entities && entity !== undefined && { entity }) };
  return {
    sent: { ...about, data_url: `data:${type};base64,${bytes.toString('base64')}` },
    named: { ...about, sha256: createHash('sha256').update(bytes).digest('hex') },
  };
}

function jobOf({ id, status, progress = 0, weights, preview, error }: z.output<typeof job>): ServerJob {
  return {
    ...{ id, state: status, progress: progress / 100 },
    ...(preview !== undefined && { preview }),
    ...(weights !== undefined && { weights }),
    ...(error && {
      error: { code: error.code ?? 'not stated', message: error.message ?? '', retryable: error.retryable ?? false },
    }),
  };
}
