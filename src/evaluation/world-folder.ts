import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../errors.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';
import { type MediaAdded, mediaAdded } from '../events/schemas.js';
import { probeMedia } from '../media/probe-media.js';
import { readFrames } from '../media/read-frames.js';
import type { RgbVideo } from '../models/ports.js';

/** Longest side of a file of this kind that is read: a truth of a million clips is half of it. */
const mostBytes = 512 * 2 ** 20;

const pose = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const name = z.string().min(1).max(128);
const truthRecord = z.looseObject({
  clip: z.number().int().nonnegative(),
  subject: name,
  motion: name,
  colour: name,
  poses: z.array(pose).min(1).max(4096),
});

/** A clip of a world, and what is in it. Lengths in world units (32 wide), angles in radians, clockwise. */
export interface WorldClip {
  number: number;
  file: string;
  caption: string;
  /** The code of its subject. */
  subject: string;
  motion: string;
  colour: string;
  poses: { x: number; y: number; size: number; angle: number }[];
}

/** A subject's picture, transparent around it, and its name. */
export interface Still {
  code: string;
  file: string;
  caption: string;
  source: string;
  licence?: string;
}

export interface World {
  folder: string;
  clips: WorldClip[];
  stills: Map<string, Still>;
}

/**
 * A folder that `node examples/world/make.mjs` wrote; it may have been moved since. WORLD_DAMAGED-like mistakes are
 * MEDIA_DAMAGED with the line; MEDIA_NOT_FOUND when a file is missing.
 */
export async function readWorld(folder: string): Promise<World> {
  const media = await readLines(join(folder, 'media.jsonl'), mediaAdded);
  const truth = await readLines(join(folder, 'truth.jsonl'), truthRecord);
  const stills = new Map(stillsOf(media, folder).map((still) => [still.code, still]));
  const captions = new Map(
    media.flatMap(({ source, caption }) => (source?.startsWith('world:clip:') && caption ? [[source, caption]] : [])),
  );
  const clips = truth.map(({ clip, poses, subject, motion, colour }): WorldClip => {
    const caption = captions.get(`world:clip:${clip}`);
    if (caption === undefined || !stills.has(subject))
      throw new VimiError('MEDIA_DAMAGED', 'The truth of a clip has no counterpart in media.jsonl', {
        expected: `world:clip:${clip} and noto:${subject}`,
        where: join(folder, 'truth.jsonl'),
      });
    return {
      number: clip,
      file: join(folder, 'clips', `${String(clip).padStart(5, '0')}.mp4`),
      ...{ caption, subject, motion, colour },
      poses: poses.map(([x, y, size, angle]) => ({ x, y, size, angle })),
    };
  });
  return { folder, clips, stills };
}

/** The stills of a media.jsonl: a folder's, or one that only lists documents. */
export async function readStills(file: string, folder: string): Promise<Still[]> {
  return stillsOf(await readLines(file, mediaAdded), folder);
}

function stillsOf(media: MediaAdded[], folder: string): Still[] {
  return media.flatMap(({ uri, caption, source, licence }) => {
    const code = source?.match(/^noto:([0-9a-f-]+)$/)?.[1];
    if (code === undefined || caption === undefined || source === undefined) return [];
    return [{ code, file: join(folder, 'stills', basename(uri)), caption, source, ...(licence && { licence }) }];
  });
}

/** The clip as a model of this size and rate would show it; its last frame is repeated where it is too short. */
export async function readClip(
  { file }: Pick<WorldClip, 'file'>,
  { frames, side, fps }: { frames: number; side: number; fps: number },
  signal: AbortSignal,
): Promise<RgbVideo> {
  const size = side * side * 3;
  const data = new Uint8Array(frames * size);
  const reader = await readFrames(file, await probeMedia(file, { maxPixels: 4096 * 4096, signal }), {
    width: side,
    height: side,
    fps,
    signal,
  });
  let n = 0;
  for await (const frame of reader.frames) if (n < frames) data.set(frame, n++ * size);
  if (n === 0) throw new VimiError('MEDIA_EMPTY', 'No frame of this clip decodes', { where: file });
  for (; n < frames; n++) data.copyWithin(n * size, (n - 1) * size, n * size);
  return { frames, width: side, height: side, data };
}

async function readLines<T>(file: string, schema: z.ZodType<T>): Promise<T[]> {
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new VimiError('MEDIA_NOT_FOUND', 'This is no folder of examples/world/make.mjs', {
      expected: 'media.jsonl, truth.jsonl, stills and clips',
      found: cause.message,
      where: file,
      cause,
    });
  });
  if (bytes.length > mostBytes) throw new VimiError('MEDIA_TOO_LARGE', 'This list is too long', { where: file });
  return bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line, n) => {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch (cause) {
        throw new VimiError('MEDIA_DAMAGED', 'A line is no JSON', { where: `${file}:${n + 1}`, cause });
      }
      const checked = schema.safeParse(value);
      if (checked.success) return checked.data;
      const mistakes = mistakesOf(checked.error, value).map(mistakeText);
      throw new VimiError('MEDIA_DAMAGED', mistakes.join('; '), { where: `${file}:${n + 1}` });
    });
}
