import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { leftOut } from '../../../events/input.js';
import { frameAsPng } from '../../../media/images.js';
import type { ModelDescription } from '../../ports.js';
import { answeredVideo, mostVideoBytes } from './answered-video.js';
import { answerOf, checkStatus, mostJsonBytes } from './answers.js';
import type { Dialect, ServerJob, Wanted, Written } from './dialect.js';
import { type Answered, away, type Call, exchange, placeOf } from './exchange.js';
import type { VimiServer } from './vimi-dialect.js';

/*
 * Two servers that speak OpenAI's shape of /v1/videos, each with fields of its own, written after their documentation:
 *
 *   vllm-omni   multipart; image_reference: JSON, one or a list of { image_url }; DELETE aborts the job
 *   sglang      multipart; input_reference: one file; DELETE forgets the job, which is drawn to its end
 *
 * Neither says what it makes, so the topology does (`makes`). Neither knows Idempotency-Key, states its weights, or has words for
 * what an image shows: those follow the text.
 */

export interface Makes {
  frames: number;
  width: number;
  height: number;
  fps: number;
  steps: number;
  guidance: number;
  max_frames?: number | undefined;
  max_side?: number | undefined;
  multiple: number;
  frame_counts?: { every: number; plus: number } | undefined;
  /** Images that it takes, all in one role. */
  images?: { most: number; role: 'subject' | 'first-frame' } | undefined;
}

interface Words {
  /** Where it says what it has, and what of the answer is the name. */
  models: { path: string; nameIn: z.ZodType<string> };
  /** Fields beside those that both have. */
  reference(images: Buffer[]): Part[];
}

interface Part {
  name: string;
  file?: { name: string; type: string };
  content: Buffer | string;
}

const dataUrl = (png: Buffer) => ({ image_url: `data:image/png;base64,${png.toString('base64')}` });
const named = z.string().min(1).max(500);

const openAiDialects = {
  'vllm-omni': {
    models: {
      path: 'v1/models',
      nameIn: z
        .looseObject({ data: z.array(z.looseObject({ id: named })).min(1) })
        .transform(({ data }) => data[0]!.id),
    },
    reference: (images) => [
      {
        name: 'image_reference',
        content: JSON.stringify(images.length === 1 ? dataUrl(images[0]!) : images.map(dataUrl)),
      },
    ],
  },
  sglang: {
    models: {
      path: 'models',
      nameIn: z.looseObject({ model_path: named }).transform(({ model_path }) => model_path),
    },
    reference: ([image]) => [
      { name: 'input_reference', file: { name: 'reference.png', type: 'image/png' }, content: image! },
    ],
  },
} as const satisfies Record<string, Words>;

const job = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9._:-]{1,200}$/, 'letters, digits, dots, dashes, underscores and colons'),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
  progress: leftOut(z.number().min(0).max(100)),
  error: leftOut(
    z.looseObject({ code: leftOut(z.union([z.string(), z.number()])), message: leftOut(z.string().max(10_000)) }),
  ),
});

export function openAiDialect(server: VimiServer, name: keyof typeof openAiDialects, makes: Makes): Dialect {
  const { models, reference } = openAiDialects[name];
  const call = (one: Omit<Call, 'mostBytes'>) => exchange(server, { ...one, mostBytes: mostJsonBytes });
  const path = (id: string) => `v1/videos/${encodeURIComponent(id)}`;
  const remove = async (id: string) => {
    await call({ method: 'DELETE', path: path(id) });
  };
  return {
    async describe(signal) {
      const answered = await call({ method: 'GET', path: models.path, ...(signal && { signal }) });
      if (answered.status === 404) throw away(server, `no model: GET /${models.path} has status 404`);
      const model = server.model ?? readName(models.nameIn, answered);
      return described(model, makes, { url: placeOf(server), dialect: name });
    },
    write: (wanted) => written(wanted, reference),
    async submit({ body }) {
      return jobOf(answerOf(job, await call({ method: 'POST', path: 'v1/videos', body }), server));
    },
    async look(id, signal) {
      const answered = await call({ method: 'GET', path: path(id), signal });
      return isUnknown(answered) ? undefined : jobOf(answerOf(job, answered, server));
    },
    cancel: remove,
    forget: remove,
    async frames(id, wanted, signal) {
      const most = mostVideoBytes(wanted);
      const answered = await exchange(server, { method: 'GET', path: `${path(id)}/content`, signal, mostBytes: most });
      if (isUnknown(answered)) return undefined;
      checkStatus(answered, server);
      return answeredVideo(answered.body, wanted, { workDir: server.workDir, signal, where: placeOf(server) });
    },
  };

  /** A server that cannot say what it has is none for anybody. */
  function readName(schema: z.ZodType<string>, answered: Answered): string {
    try {
      return answerOf(schema, answered, server);
    } catch (thrown) {
      if (!(thrown instanceof VimiError) || thrown.fault === 'surroundings') throw thrown;
      throw away(server, `no model: ${thrown.found ?? thrown.message}`, thrown);
    }
  }
}

const isUnknown = ({ status }: Answered) => status === 404 || status === 410;

function described(name: string, makes: Makes, server: ModelDescription['server']): ModelDescription {
  const { frames, width, height, fps, steps, guidance, images } = makes;
  const side = makes.max_side ?? Math.max(width, height);
  return {
    ...{ name, backend: 'not stated', parameters: 0, sampler: 'not stated', server: server! },
    defaults: { frames, width, height, fps, steps, guidance: { text: guidance, image: guidance } },
    limits: { frames: makes.max_frames ?? frames, width: side, height: side, images: images?.most ?? 0 },
    multiple: makes.multiple,
    ...(makes.frame_counts && { frameCounts: makes.frame_counts }),
    takes: { roles: images ? [images.role] : [], clips: 0 },
  };
}

async function written(wanted: Wanted, reference: Words['reference']): Promise<Written> {
  const { prompt, frames, width, height, fps, steps, guidance, seed } = wanted;
  if (!Number.isInteger(fps)) throw unsupported('fps: a whole number', `${fps}`);
  if (guidance.image !== guidance.text && guidance.image !== 1)
    throw unsupported(`guidance of images: 1, or ${guidance.text} as for text`, `${guidance.image}`);
  const images = await Promise.all(
    prompt.references.map(({ content }) => {
      if ('image' in content) return frameAsPng(content.image);
      throw unsupported('images', 'a clip');
    }),
  );
  const shown = prompt.references.flatMap(({ entity }, n) =>
    entity ? [`Image ${n + 1} shows ${entity.replace(/\.$/, '')}.`] : [],
  );
  const settings = {
    prompt: [prompt.text, ...shown].filter(Boolean).join(' '),
    ...{ width, height, num_frames: frames, fps, num_inference_steps: steps, guidance_scale: guidance.text, seed },
  };
  const fields = Object.entries(settings).map(([name, value]): Part => ({ name, content: `${value}` }));
  const hashes = images.map((png) => createHash('sha256').update(png).digest('hex'));
  return {
    body: formOf([...fields, ...(images.length > 0 ? reference(images) : [])]),
    asked: { ...settings, references: prompt.references.map(({ role }, n) => ({ role, sha256: hashes[n] })) },
  };
}

/** The same parts give the same bytes. */
function formOf(parts: readonly Part[]): Written['body'] {
  const hash = createHash('sha256');
  for (const { name, content } of parts) hash.update(name).update(content);
  const boundary = `vimi-${hash.digest('hex').slice(0, 40)}`;
  const chunks = parts.flatMap(({ name, file, content }) => {
    const disposition = `form-data; name="${name}"${file ? `; filename="${file.name}"` : ''}`;
    const type = file ? `\r\nContent-Type: ${file.type}` : '';
    return [`--${boundary}\r\nContent-Disposition: ${disposition}${type}\r\n\r\n`, content, '\r\n'];
  });
  const bytes = Buffer.concat([...chunks, `--${boundary}--\r\n`].map((chunk) => Buffer.from(chunk)));
  return { type: `multipart/form-data; boundary=${boundary}`, bytes };
}

function unsupported(expected: string, found: string): VimiError {
  return new VimiError('REQUEST_UNSUPPORTED', 'The model server has no words for this', { expected, found });
}

/** They do not say whether another try may help: it may not. */
function jobOf({ id, status, progress = 0, error }: z.output<typeof job>): ServerJob {
  return {
    ...{ id, state: status, progress: progress / 100 },
    ...(error && { error: { code: `${error.code ?? 'not stated'}`, message: error.message ?? '', retryable: false } }),
  };
}
