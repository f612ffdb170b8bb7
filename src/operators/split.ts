import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../errors.js';
import type { ObjectRef } from '../events/prompt.js';
import { encodedSize, encodeVideo } from '../media/encode-video.js';
import { contrast, fitWithin, rateOf } from '../media/frames.js';
import { withMedia } from '../media/open-media.js';
import { decodePicture, frameAsWebp, pictureAsWebp, pictureFormat } from '../media/pictures.js';
import { readFrames } from '../media/read-frames.js';
import { findScenes } from '../media/scenes.js';
import { withTemporaryFolder } from '../media/temporary.js';
import { filmHash } from '../models/embedding/film-hash.js';
import { perceptualHash } from '../models/embedding/perceptual-hash.js';
import type { RgbImage } from '../models/ports.js';
import type { Clip, MediaFile, MediaProbe } from './flow.js';
import { mapEach } from './map-each.js';
import { defineOperator, type Resources } from './operator.js';

/*
 * In      file, probe
 * Out     one envelope a clip (clip: MP4 and keyframe in the object store, place in the source, motion, hash,
 *         embedding); a still is one clip
 * Drops   nothing; what is too short, small or still is for filter to say
 * Fails   MEDIA_DAMAGED (no frame decodes, or the decoder complains and a tenth of the frames is missing; or the file
 *         is not the one that was fetched any more), MEDIA_EMPTY, MEDIA_TOO_LARGE (more than max_clips), ENCODER_FAILED, STORAGE_FULL, TIMED_OUT
 * Memory  three frames a file; the clip being cut lies as raw frames in workDir
 */

const config = z.strictObject({
  cut: z
    .enum(['scenes', 'fixed'])
    .default('scenes')
    .describe('Where to cut: at scene changes too, or by length alone.'),
  seconds: z.number().min(0.1).max(30).default(4).describe('Longest clip.'),
  min_seconds: z
    .number()
    .min(0)
    .max(2)
    .default(0.2)
    .describe('A scene that lasts less, and after which the one before it comes back, is a flash and no scene.'),
  scene_threshold: z.number().min(0.01).max(1).default(0.3).describe('Change that counts as a scene cut, 0 to 1.'),
  max_clips: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe(
      'A medium with more clips is rejected, at once where its length says so: 10,000 of 4 s are eleven hours.',
    ),
  max_gigapixels: z
    .number()
    .positive()
    .default(4000)
    .describe(
      'All frames of a medium together, in 10^9 pixels; more is rejected. 4,000 are 17 hours of 1080p at 30 frames a second, some hours of work.',
    ),
  side: z.number().int().min(16).max(1024).default(512).describe('Longer side of what is stored; nothing is enlarged.'),
  fps: z
    .union([z.literal('keep'), z.number().min(1).max(60)])
    .default('keep')
    .describe('Frames a second of the clips; keep: as the source has, at least 1 and at most 60.'),
  crf: z.number().int().min(0).max(40).default(16).describe('Quality of the clips, as in x264: lower is better.'),
  concurrency: z.number().int().min(1).max(16).default(2).describe('Media cut at once.'),
});
type Config = z.infer<typeof config>;

export const split = defineOperator(
  {
    name: 'split',
    summary: 'Cuts a video into clips of one scene each and stores them; stills pass as one clip.',
    contract: {
      in: 'file and probe.',
      out: 'One envelope a clip, in order: its MP4 and keyframe (lossless WebP of the middle frame) in the object store under names that follow from their content, its place in the source, motion, perceptual hash and image embedding. The same bytes give the same clips with the same ffmpeg.',
      drops: 'Nothing.',
      fails:
        'MEDIA_DAMAGED when no frame decodes, or when the decoder complains and more than a tenth of the announced frames is missing (lesser damage is logged and kept), or when the file is not the one that was fetched any more; MEDIA_EMPTY; MEDIA_TOO_LARGE with more than max_clips clips; ENCODER_FAILED; STORAGE_FULL; TIMED_OUT. Clips that were stored before a failure stay in the object store, unnamed by any event.',
      memory: 'Three frames a file. The clip being cut lies as raw frames in the temporary folder: 3 bytes a pixel.',
    },
    config,
    example: '- split: { cut: scenes, seconds: 4, side: 256 }',
    needs: ['file', 'probe'],
    adds: ['clip'],
    tools: ['ffmpeg'],
  },
  (options, resources) => ({
    step: mapEach<'file' | 'probe'>(
      async ({ file, probe }, { signal }) => {
        const clips = await withMedia(file, async (path) => {
          const medium = { path, file, probe, signal };
          return probe.kind === 'still' ? [await still(medium, options, resources)] : cut(medium, options, resources);
        });
        return clips.map((clip) => ({ clip }));
      },
      { step: 'split', concurrency: options.concurrency, clock: resources.clock },
    ),
  }),
);

interface Medium {
  /** What is read; `file.path` may lead elsewhere by now. */
  path: string;
  file: MediaFile;
  probe: MediaProbe;
  signal: AbortSignal;
}

async function still(medium: Medium, { side }: Config, resources: Resources): Promise<Clip> {
  const { path, file } = medium;
  const webp = (await pictureFormat(path)) ? await pictureAsWebp(path, side) : await onlyFrame(medium, side);
  const object = await store(resources, 'images', webp, 'image/webp');
  const picture = await decodePicture(webp, file.uri);
  return {
    kind: 'still',
    object,
    keyframe: object,
    ...{ start: 0, duration: 0, frames: 1, fps: 0, motion: 0 },
    ...{ width: picture.width, height: picture.height },
    ...looks(picture, resources),
  };
}

/** Of a video that has but one. */
async function onlyFrame({ path, file, probe, signal }: Medium, side: number): Promise<Buffer> {
  const size = fitWithin(probe.width, probe.height, side);
  const { frames } = await readFrames(path, probe, { ...size, fps: 25, signal });
  for await (const data of frames) return frameAsWebp({ ...size, data });
  throw new VimiError('MEDIA_EMPTY', 'No frame of this video decodes', {
    expected: 'one',
    found: 'none',
    where: file.uri,
  });
}

function cut({ path, file, probe, signal }: Medium, options: Config, resources: Resources): Promise<Clip[]> {
  const size = fitWithin(probe.width, probe.height, options.side);
  // A slide show at a frame a minute would give clips of one frame.
  const fps = rateOf(options.fps === 'keep' ? Math.min(60, Math.max(1, probe.fps)) : options.fps);
  const longest = Math.max(1, Math.round(options.seconds * fps));
  const announced = probe.duration * fps;
  const mostFrames = Math.floor((options.max_gigapixels * 1e9) / (probe.width * probe.height));
  if (announced / longest > options.max_clips) throw tooManyClips(file, options, Math.ceil(announced / longest));
  if (probe.duration * probe.fps > mostFrames) throw tooManyPixels({ file, probe }, options);

  return withTemporaryFolder(resources.workDir, async (folder) => {
    const clips: Clip[] = [];
    const limit = { frames: mostFrames, exceeded: () => tooManyPixels({ file, probe }, options) };
    const { frames, complaints, late } = await readFrames(path, probe, { ...size, fps, signal, limit });
    const scenes = findScenes(frames, {
      threshold: options.cut === 'scenes' ? options.scene_threshold : Number.POSITIVE_INFINITY,
      flashFrames: Math.round(options.min_seconds * fps),
    });
    let run = await openRun(folder);
    let count = 0;
    try {
      for await (const { frame, isCut, change } of scenes) {
        if (run.frames >= longest || isCut) {
          clips.push(await finish(run));
          if (clips.length >= options.max_clips) throw tooManyClips(file, options);
          run = await openRun(folder);
        }
        await run.raw.write(frame);
        if (run.frames > 0) run.change += change;
        run.contrasts.push(contrast(frame));
        run.frames++;
        count++;
      }
      checkWhole(count, await complaints());
      clips.push(await finish(run));
    } finally {
      await run.raw.close();
    }
    return clips;

    function checkWhole(decoded: number, found: string): void {
      const missing = probe.video?.joinsAnywhere ? Math.min(late() * fps, announced / 2) : 0;
      const isDamaged = decoded === 0 || (found !== '' && decoded < 0.9 * (announced - missing));
      if (isDamaged)
        throw new VimiError(
          decoded === 0 && found === '' ? 'MEDIA_EMPTY' : 'MEDIA_DAMAGED',
          'This video is not whole',
          {
            expected: `${Math.max(1, Math.round(announced))} frames`,
            found: `${decoded} frames${found && `; ${found}`}`,
            where: file.uri,
          },
        );
      if (found !== '') resources.log.warn({ uri: file.uri, complaints: found }, 'A damaged video was kept');
    }

    async function finish({ path, raw, frames: n, change, contrasts }: Run): Promise<Clip> {
      const start = (count - n) / fps;
      const keyframe = { ...size, data: await frameAt(raw, keyframeOf(contrasts)) };
      const film = await filmHash(n, async (index) => ({ ...size, data: await frameAt(raw, index) }));
      await raw.close();
      const output = join(folder, 'clip.mp4');
      await encodeVideo({ frames: { file: path }, ...size, fps, crf: options.crf, output, signal });
      return {
        kind: 'clip',
        object: await store(resources, 'clips', await readFile(output), 'video/mp4'),
        keyframe: await store(resources, 'images', await frameAsWebp(keyframe), 'image/webp'),
        ...{ start, duration: n / fps, frames: n, fps },
        ...encodedSize(size.width, size.height),
        motion: n > 1 ? (change / (n - 1)) * fps : 0,
        film,
        ...looks(keyframe, resources),
      };
    }

    async function frameAt(raw: FileHandle, n: number): Promise<Uint8Array> {
      const bytes = size.width * size.height * 3;
      const { buffer } = await raw.read(new Uint8Array(bytes), 0, bytes, n * bytes);
      return buffer;
    }
  });
}

/**
 * The frame that stands for a clip: the middle one, unless there is next to nothing to see in it (black between two
 * fades); then the nearest that shows half as much as the fullest.
 */
function keyframeOf(contrasts: readonly number[]): number {
  const middle = contrasts.length >> 1;
  const most = contrasts.reduce((a, b) => Math.max(a, b), 0);
  if (contrasts[middle]! >= most / 4) return middle;
  const nearest = contrasts
    .map((value, n) => ({ value, n, away: Math.abs(n - middle) }))
    .filter(({ value }) => value >= most / 2)
    .sort((a, b) => a.away - b.away || a.n - b.n)[0];
  return nearest?.n ?? middle;
}

/** The frames since the last cut, as raw RGB in one file that each run writes anew. */
interface Run {
  path: string;
  raw: FileHandle;
  frames: number;
  /** Sum of the differences of neighbouring frames, in grey. */
  change: number;
  /** Of each frame: how much there is to see. */
  contrasts: number[];
}

async function openRun(folder: string): Promise<Run> {
  const path = join(folder, 'frames.rgb');
  return { path, raw: await open(path, 'w+'), frames: 0, change: 0, contrasts: [] };
}

/** Both are measured on white ground. */
function looks(picture: RgbImage, { embedder }: Resources): Pick<Clip, 'perceptual' | 'imageEmbedding'> {
  return { perceptual: perceptualHash(picture), imageEmbedding: embedder.image(picture) };
}

function store({ objects }: Resources, folder: string, bytes: Buffer, mediaType: string): Promise<ObjectRef> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const extension = mediaType === 'video/mp4' ? 'mp4' : 'webp';
  return objects.put(`${folder}/${sha256}.${extension}`, bytes, { mediaType, sha256, byContent: true });
}

function tooManyClips(file: MediaFile, { max_clips, seconds }: Config, found?: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This video gives too many clips', {
    expected: `at most ${max_clips} (max_clips) of up to ${seconds} s`,
    found: found ? `at least ${found}` : 'more',
    where: file.uri,
    remedy: 'Raise max_clips of the split step, or cut the film into parts.',
  });
}

/** Some hours of decoding; a file of a few megabytes can ask for years. */
function tooManyPixels({ file, probe: { width, height } }: Pick<Medium, 'file' | 'probe'>, { max_gigapixels }: Config) {
  return new VimiError('MEDIA_TOO_LARGE', 'This video takes too long to decode', {
    expected: `at most ${max_gigapixels} gigapixels (max_gigapixels), all frames together`,
    found: `more, at ${width} x ${height} a frame`,
    where: file.uri,
    remedy: 'Raise max_gigapixels of the split step, or cut or reduce the film.',
  });
}
