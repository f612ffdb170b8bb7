import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import { type ImageRole, prompt as promptSchema, type Task } from '../../../events/prompt.js';
import { readContext, sampleDescription, sharedOf } from '../../../events/sample.js';
import { clipFramesOf } from '../../../media/clip-frames.js';
import { decodeImage } from '../../../media/images.js';
import { unpackTar } from '../../../media/tar.js';
import { readMotionPath } from '../../encoders/built-in/motion-path.js';
import type { ModelPrompt } from '../../ports.js';

/** One sample of a shard, decoded: what training needs of it and no more. */
export interface TrainingSample {
  key: string;
  /** RGB bytes, [n, side, side, 3]. */
  frames: Uint8Array;
  count: number;
  /** Infinity: a still. */
  fps: number;
  prompt: ModelPrompt;
  /** Captions of the retrieved documents, to tell which words of the prompt they share. */
  contextCaptions: string[];
}

/** Of shards made before samples shared their images: each has its own, as .ctx0.webp ... and .img0.webp ... */
const firstDescription = z.looseObject({
  caption: z.string(),
  prompt: promptSchema,
  context: z.array(z.looseObject({ caption: z.string(), image: z.looseObject({ sha256: z.string() }) })),
  // 0: a still, which has no frame rate of its own.
  clip: z.looseObject({ fps: z.number().nonnegative().optional() }).optional(),
});

export interface ReadOptions {
  /** Clips are scaled to `side` x `height`, or side x side. */
  side: number;
  height?: number;
  /** Clips with fewer frames are left out; of longer ones the first four times as many are kept. */
  frames: number;
  /** Of clips with more frames a second every n-th is taken, as far as enough are left; all when left out. */
  fps?: number;
  /** Of the last clip in a prompt the path of what moves is read, at so many moments; left out: none is. */
  path?: number;
  signal?: AbortSignal;
  onSample?(read: number): void;
}

/**
 * Reads the samples of WebDataset shards (see operators/shard.ts) into memory, decoded and scaled; some 25 kB each at
 * 8 frames of 32x32. OBJECT_NOT_FOUND for a missing shard, OBJECT_DAMAGED for one that is not what it should be.
 */
export async function readSamples(shards: readonly string[], options: ReadOptions): Promise<TrainingSample[]> {
  const samples: TrainingSample[] = [];
  for (const path of shards) {
    const waiting: Promise<void>[] = [];
    for await (const [key, members] of groups(path)) {
      options.signal?.throwIfAborted();
      const work = decode(path, key, members, options).then((sample) => {
        if (sample) samples.push(sample);
        options.onSample?.(samples.length);
      });
      // It is awaited below, but may fail while the tar is still being read.
      work.catch(() => undefined);
      waiting.push(work);
      if (waiting.length >= 4) await waiting.shift();
    }
    await Promise.all(waiting);
  }
  return samples.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** By the name after the first dot; and by content, what the whole shard shares. */
interface Members {
  own: Map<string, Buffer>;
  images: ReadonlyMap<string, Buffer>;
  clips: ReadonlyMap<string, Buffer>;
}
/** Of all members of one sample together, and of one image. */
const largestSample = 256 * 1024 * 1024;

/**
 * Members of a tar that share the name before its first dot, as they follow each other, with the images that came before
 * them: those of a shard are in memory while it is read.
 */
async function* groups(path: string): AsyncGenerator<[key: string, members: Members]> {
  const source = createReadStream(path);
  const images = new Map<string, Buffer>();
  const clips = new Map<string, Buffer>();
  let key = '';
  let size = 0;
  let own = new Map<string, Buffer>();
  try {
    for await (const { name: member, bytes } of unpackTar(source, { most: largestSample })) {
      const shared = sharedOf(member);
      if (shared) {
        (shared.kind === 'image' ? images : clips).set(shared.sha256, bytes);
        continue;
      }
      const dot = member.indexOf('.');
      const name = dot < 0 ? member : member.slice(0, dot);
      if (name !== key && own.size > 0) {
        yield [key, { own, images, clips }];
        own = new Map();
        size = 0;
      }
      key = name;
      size += bytes.length;
      if (size > largestSample)
        throw new Error(`the sample ${name} is too large: expected at most ${largestSample} bytes`);
      own.set(member.slice(dot + 1), bytes);
    }
  } catch (cause) {
    if (cause instanceof VimiError) throw cause;
    const missing = (cause as { code?: string }).code === 'ENOENT';
    throw new VimiError(missing ? 'OBJECT_NOT_FOUND' : 'OBJECT_DAMAGED', 'The shard cannot be read', {
      found: (cause as Error).message,
      where: path,
      cause,
    });
  } finally {
    source.destroy();
  }
  if (own.size > 0) yield [key, { own, images, clips }];
}

/** What a .json says, with the bytes of the images in the prompt. */
interface Described {
  task: Task;
  instruction: string;
  parts: ({ text: string } | { image: Buffer; role: ImageRole })[];
  /** The MP4 of the last clip that shows a motion. */
  motion?: Buffer;
  contextCaptions: string[];
  fps: number;
}

function describe({ own, ...shared }: Members): Described {
  const text = own.get('json');
  if (!text) throw new Error('it has no .json');
  const told: unknown = JSON.parse(text.toString());
  const isFirst = !Object.hasOwn(Object(told), 'layout');
  return isFirst ? describeFirst(told, own) : describeShared(told, shared);
}

function describeShared(told: unknown, { images, clips }: Omit<Members, 'own'>): Described {
  const { prompt, context, clip } = checked(sampleDescription, told);
  const shown = prompt.parts.flatMap((part) => (part.role === 'motion' ? [part.clip] : [])).at(-1);
  const motion = shown === undefined ? undefined : clips.get(shown);
  if (shown !== undefined && !motion) throw new Error(`its shard has no clip ${shown}`);
  return {
    ...prompt,
    ...(motion && { motion }),
    parts: prompt.parts.flatMap((part) => {
      if (part.role === '') return { text: part.text };
      if (part.role === 'motion') return [];
      const image = images.get(part.image);
      if (!image) throw new Error(`its shard has no image ${part.image}`);
      return { image, role: part.role };
    }),
    contextCaptions: readContext(context).flatMap(({ caption, clip }) => (clip ? [] : [caption])),
    fps: clip.fps,
  };
}

function describeFirst(told: unknown, own: Members['own']): Described {
  const { prompt, context, clip } = checked(firstDescription, told);
  // The prompt names its images by content; the members hold them in the order of the context, then of the rest.
  const known = new Map(context.map(({ image }, n) => [image.sha256, `ctx${n}`]));
  let others = 0;
  return {
    ...prompt,
    parts: prompt.parts.map((part) => {
      if ('text' in part) return part;
      if ('clip' in part) throw new Error('it has a clip in its prompt, which no sample of its layout has');
      const kind = known.get(part.image.sha256) ?? `img${others++}`;
      const image = [...own].find(([name]) => name.startsWith(`${kind}.`))?.[1];
      if (!image) throw new Error(`it has no .${kind}`);
      return { image, role: part.role };
    }),
    contextCaptions: context.map(({ caption }) => caption),
    fps: clip?.fps ?? 8,
  };
}

function checked<T extends z.ZodType>(schema: T, told: unknown): z.infer<T> {
  const result = schema.safeParse(told);
  if (!result.success) throw new Error(mistakesOf(result.error, told).map(mistakeText).join('; '));
  return result.data;
}

async function decode(
  path: string,
  key: string,
  members: Members,
  options: ReadOptions,
): Promise<TrainingSample | null> {
  const where = `${path}: ${key}`;
  const size = { width: options.side, height: options.height ?? options.side };
  try {
    const { task, instruction, parts: described, motion, contextCaptions, fps } = describe(members);
    const parts = await Promise.all(
      described.map(async (part) =>
        'text' in part ? part : { pixels: await decodeImage(part.image, where), role: part.role },
      ),
    );
    const { signal = new AbortController().signal } = options;
    const path =
      motion && options.path ? await readMotionPath(motion, options.path, { workDir: tmpdir(), signal }) : null;
    const base = { key, prompt: { task, instruction, parts, ...(path && { path }) }, contextCaptions };
    const still = members.own.get('webp');
    if (still) {
      // A still is a video of endless frames a second: all its frames are the same (Snap Video, Sec. 3.2).
      const { data } = await decodeImage(still, where, { cover: size });
      const frames = new Uint8Array(data.length * options.frames);
      for (let t = 0; t < options.frames; t++) frames.set(data, t * data.length);
      return { ...base, frames, count: options.frames, fps: Number.POSITIVE_INFINITY };
    }
    const video = members.own.get('mp4');
    if (!video) throw new Error('it has no .mp4');
    const wanted = Math.max(1, Math.round(fps / (options.fps ?? fps)));
    const clip = await clipFramesOf(video, { ...size, most: 4 * options.frames * wanted, workDir: tmpdir(), signal });
    const stride = Math.max(1, Math.min(wanted, Math.floor(clip.frames / options.frames)));
    const count = Math.ceil(clip.frames / stride);
    if (count < options.frames) return null;
    const frames = everyNth(clip.data, 3 * size.width * size.height, stride);
    return { ...base, frames, count, fps: fps / stride };
  } catch (cause) {
    if (cause instanceof VimiError && !cause.code.startsWith('MEDIA_')) throw cause;
    throw new VimiError('OBJECT_DAMAGED', 'A sample cannot be read', { found: (cause as Error).message, where, cause });
  }
}

function everyNth(frames: Uint8Array, size: number, n: number): Uint8Array {
  if (n === 1) return frames;
  const count = Math.ceil(frames.length / size / n);
  const out = new Uint8Array(count * size);
  for (let t = 0; t < count; t++) out.set(frames.subarray(t * n * size, (t * n + 1) * size), t * size);
  return out;
}
