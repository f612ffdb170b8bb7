import { basename, join } from 'node:path';
import { z } from 'zod';
import { readBounded } from '../core/bounded-file.js';
import { VimiError } from '../core/errors.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';
import { type MediaAdded, mediaAdded } from '../events/schemas.js';
import { probeMedia } from '../media/probe-media.js';
import { readFrames } from '../media/read-frames.js';
import type { RgbVideo } from '../models/ports.js';

/** Of a clip, in pixels. */
const largestSide = 4096;
/** Of a list that is read: a truth of a million clips is half of it. */
const mostBytes = 512 * 2 ** 20;

const poses = z
  .array(z.tuple([z.number(), z.number(), z.number(), z.number()]))
  .min(1)
  .max(4096);
const name = z.string().min(1).max(256);
const actor = z.looseObject({ entity: name, phrase: name, motion: name, place: name, poses, change: name.optional() });
const fence = z.looseObject({
  colour: name,
  posts: z
    .array(z.tuple([z.number(), z.number()]))
    .min(1)
    .max(32),
});
/** Of one subject on a plain colour it may be told in the record itself, without a list. */
const truthRecord = z.union([
  z.looseObject({
    clip: z.number().int().nonnegative(),
    subjects: z.array(actor).min(1).max(8),
    background: z.union([z.looseObject({ colour: name }), z.looseObject({ image: name })]),
    fence: fence.optional(),
  }),
  z.looseObject({ clip: z.number().int().nonnegative(), subject: name, motion: name, colour: name, poses }),
]);

/** One subject of a clip. Lengths in world units (32 wide), angles in radians, clockwise. */
export interface Actor {
  /** The code of its image. */
  subject: string;
  /** As the caption names it. */
  phrase: string;
  motion: string;
  /** whole, or the half that it keeps to: left, right, top, bottom. */
  place: string;
  poses: { x: number; y: number; size: number; angle: number }[];
  /** How its appearance differs from its image, as the caption says it. */
  change?: string;
}

/** A clip of a world, and what is in it. */
export interface WorldClip {
  number: number;
  file: string;
  caption: string;
  actors: Actor[];
  /** A named colour, or an image by its caption. */
  background: { colour: string } | { image: string };
  /** What stands before everything, from where to where each of its posts goes. */
  fence?: { colour: string; posts: [number, number][] };
  /** Folder with images of the actor as it is and in every change, where its appearance is changed. */
  looks: string;
}

/** One subject on a plain background. */
export interface PlainClip extends Pick<WorldClip, 'number' | 'file' | 'caption'>, Actor {
  colour: string;
}

/** One subject on a plain background, with another appearance than its image has or behind a fence. */
export interface ChangedClip extends PlainClip, Pick<WorldClip, 'fence' | 'looks'> {}

/** The clips of one subject on a plain background, as its image shows it and with nothing before it. */
export function plainClips(world: World): PlainClip[] {
  return aloneOnColour(world).filter(({ change, fence }) => change === undefined && !fence);
}

export function changedClips(world: World): ChangedClip[] {
  return aloneOnColour(world).filter(({ change, fence }) => change !== undefined || fence);
}

function aloneOnColour({ clips }: World): ChangedClip[] {
  return clips.flatMap(({ actors, background, ...clip }) =>
    actors.length === 1 && 'colour' in background ? [{ ...clip, ...actors[0]!, colour: background.colour }] : [],
  );
}

/** An image with its name: a subject's, transparent around it, or one to move in front of. */
export interface Still {
  /** Of a subject its code points; of another its source. */
  code: string;
  file: string;
  caption: string;
  source: string;
  licence?: string;
}

/** Styles of art that subjects are drawn in, as sources name them (examples/world). */
const art = /^(?:noto|twemoji):/;

/** Whether it is an image of a subject, and not one to move in front of. */
export const isArt = ({ source }: Pick<Still, 'source'>): boolean => art.test(source);

export interface World {
  folder: string;
  clips: WorldClip[];
  stills: Map<string, Still>;
}

/**
 * A folder that `node examples/world/make.mjs` wrote; it may have been moved since. A line that is wrong is
 * MEDIA_DAMAGED, a file that is missing MEDIA_NOT_FOUND.
 */
export async function readWorld(folder: string): Promise<World> {
  const make = `a folder that \`node examples/world/make.mjs --sprites .cache/package --out ${folder} --clips 240 --seed 1 --held-out\` made; examples/world/README.md says where the art comes from, and what is made without --held-out`;
  const media = await readLines(join(folder, 'media.jsonl'), mediaAdded, make);
  const truth = await readLines(join(folder, 'truth.jsonl'), truthRecord, make);
  const stills = new Map(stillsOf(media, folder).map((still) => [still.code, still]));
  const captions = new Map(
    media.flatMap(({ source, caption }) => (source?.startsWith('world:clip:') && caption ? [[source, caption]] : [])),
  );
  const clips = truth.map((record): WorldClip => {
    const { clip } = record;
    const caption = captions.get(`world:clip:${clip}`);
    const actors = actorsOf(record, stills);
    const background = 'background' in record ? record.background : { colour: record.colour };
    const missing = actors.find(({ subject }) => !stills.has(subject));
    if (caption === undefined || missing)
      throw new VimiError('MEDIA_DAMAGED', 'The truth of a clip has no counterpart in media.jsonl', {
        expected: missing ? `an image ${missing.subject}` : `world:clip:${clip}`,
        where: join(folder, 'truth.jsonl'),
      });
    const place = String(clip).padStart(5, '0');
    return {
      ...{
        number: clip,
        file: join(folder, 'clips', `${place}.mp4`),
        looks: join(folder, 'looks', place),
        caption,
        actors,
      },
      background: background as WorldClip['background'],
      ...('fence' in record && record.fence ? { fence: record.fence as NonNullable<WorldClip['fence']> } : {}),
    };
  });
  return { folder, clips, stills };
}

function actorsOf(record: z.infer<typeof truthRecord>, stills: ReadonlyMap<string, Still>): Actor[] {
  const phraseOf = (code: string) => stills.get(code)?.caption ?? code;
  const given =
    'subjects' in record
      ? (record.subjects as z.infer<typeof actor>[])
      : [
          {
            ...(record as { motion: string; poses: z.infer<typeof poses> }),
            entity: String(record.subject),
            place: 'whole',
            change: undefined,
          },
        ];
  return given.map(({ entity, motion, place, poses: list, change }) => ({
    ...{ subject: entity, phrase: phraseOf(entity), motion, place, ...(change !== undefined && { change }) },
    poses: list.map(([x, y, size, angle]) => ({ x, y, size, angle })),
  }));
}

/** The stills of a media.jsonl: a folder's, or one that only lists documents. */
export async function readStills(file: string, folder: string): Promise<Still[]> {
  const make =
    'a list that `node examples/world/documents.mjs --sprites .cache/package --out .cache/documents` made (.cache/documents/media.jsonl)';
  return stillsOf(await readLines(file, mediaAdded, make), folder);
}

function stillsOf(media: MediaAdded[], folder: string): Still[] {
  return media.flatMap(({ uri, caption, source, licence }) => {
    if (caption === undefined || source === undefined || source.startsWith('world:clip:')) return [];
    const code = source.replace(art, '');
    return [{ code, file: join(folder, 'stills', basename(uri)), caption, source, ...(licence && { licence }) }];
  });
}

/**
 * The clip as a model of this size and rate would show it, or of its own size without `side`; its last frame is repeated
 * where it is too short.
 */
export async function readClip(
  { file }: Pick<WorldClip, 'file'>,
  { frames, side: wanted, fps }: { frames: number; side?: number; fps: number },
  signal: AbortSignal,
): Promise<RgbVideo> {
  const probe = await probeMedia(file, { maxPixels: largestSide ** 2, signal });
  const side = wanted ?? probe.width;
  if (side > largestSide)
    throw new VimiError('MEDIA_TOO_LARGE', 'This clip is too wide', {
      expected: `at most ${largestSide} pixels`,
      found: String(side),
      where: file,
    });
  const size = side * side * 3;
  const data = new Uint8Array(frames * size);
  const reader = await readFrames(file, probe, { width: side, height: side, fps, signal });
  let n = 0;
  for await (const frame of reader.frames) if (n < frames) data.set(frame, n++ * size);
  if (n === 0) throw new VimiError('MEDIA_EMPTY', 'No frame of this clip decodes', { where: file });
  for (; n < frames; n++) data.copyWithin(n * size, (n - 1) * size, n * size);
  return { frames, width: side, height: side, data };
}

async function readLines<T>(file: string, schema: z.ZodType<T>, expected: string): Promise<T[]> {
  const bytes = await readBounded(file, {
    most: mostBytes,
    unreadable: ['MEDIA_NOT_FOUND', 'There is no world or list here'],
    tooLarge: ['MEDIA_TOO_LARGE', 'This list is too long'],
    expected,
  });
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
        throw new VimiError('MEDIA_DAMAGED', 'A line is not JSON', { where: `${file}:${n + 1}`, cause });
      }
      const checked = schema.safeParse(value);
      if (checked.success) return checked.data;
      const mistakes = mistakesOf(checked.error, value).map(mistakeText);
      throw new VimiError('MEDIA_DAMAGED', mistakes.join('; '), { where: `${file}:${n + 1}` });
    });
}
