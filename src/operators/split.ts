import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../errors.js';
import type { ObjectRef } from '../events/prompt.js';
import { encodedSize, encodeVideo } from '../media/encode-video.js';
import { fitWithin, frameDifference, rateOf, sceneScore } from '../media/frames.js';
import { withMedia } from '../media/open-media.js';
import { decodePicture, frameAsWebp, pictureAsWebp, pictureFormat } from '../media/pictures.js';
import { readFrames } from '../media/read-frames.js';
import { withTemporaryFolder } from '../media/temporary.js';
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
  min_seconds: z.number().min(0).max(30).default(0.5).describe('No scene cut sooner than this after the last cut.'),
  scene_threshold: z.number().min(0.01).max(1).default(0.3).describe('Change that counts as a scene cut, 0 to 1.'),
  max_clips: z.number().int().min(1).max(10_000).default(1000).describe('A medium with more clips is rejected.'),
  side: z.number().int().min(16).max(1024).default(512).describe('Longer side of what is stored; nothing is enlarged.'),
  fps: z
    .union([z.literal('keep'), z.number().min(1).max(60)])
    .default('keep')
    .describe('Frames a second of the clips; keep: as the source has, at most 60.'),
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
  const fps = rateOf(options.fps === 'keep' ? Math.min(probe.fps, 60) : options.fps);
  const longest = Math.max(1, Math.round(options.seconds * fps));
  const soonest = Math.max(1, Math.round(options.min_seconds * fps));
  const announced = probe.duration * fps;
  if (announced / longest > options.max_clips) throw tooManyClips(file, options);

  return withTemporaryFolder(resources.workDir, async (folder) => {
    const clips: Clip[] = [];
    const { frames, complaints } = await readFrames(path, probe, { ...size, fps, signal });
    let run = await openRun(folder);
    let count = 0;
    let previous: Uint8Array | undefined;
    let lastDifference = 0;
    try {
      for await (const frame of frames) {
        const difference = previous ? frameDifference(previous, frame) : { colour: 0, grey: 0 };
        const isCut =
          options.cut === 'scenes' &&
          run.frames >= soonest &&
          sceneScore(difference.colour, lastDifference) > options.scene_threshold;
        if (run.frames >= longest || isCut) {
          clips.push(await finish(run));
          if (clips.length >= options.max_clips) throw tooManyClips(file, options);
          run = await openRun(folder);
        }
        await run.raw.write(frame);
        if (run.frames > 0) run.motion += difference.grey;
        run.frames++;
        count++;
        previous = frame;
        lastDifference = difference.colour;
      }
      checkWhole(count, await complaints());
      clips.push(await finish(run));
    } finally {
      await run.raw.close();
    }
    return clips;

    function checkWhole(decoded: number, found: string): void {
      const isDamaged = decoded === 0 || (found !== '' && decoded < 0.9 * announced);
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

    async function finish({ path, raw, frames: n, motion }: Run): Promise<Clip> {
      const start = (count - n) / fps;
      const keyframe = { ...size, data: await frameAt(raw, n >> 1) };
      await raw.close();
      const output = join(folder, 'clip.mp4');
      await encodeVideo({ frames: { file: path }, ...size, fps, crf: options.crf, output, signal });
      return {
        kind: 'clip',
        object: await store(resources, 'clips', await readFile(output), 'video/mp4'),
        keyframe: await store(resources, 'images', await frameAsWebp(keyframe), 'image/webp'),
        ...{ start, duration: n / fps, frames: n, fps },
        ...encodedSize(size.width, size.height),
        motion: n > 1 ? motion / (n - 1) : 0,
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

/** The frames since the last cut, as raw RGB in one file that each run writes anew. */
interface Run {
  path: string;
  raw: FileHandle;
  frames: number;
  /** Sum of the differences of neighbouring frames. */
  motion: number;
}

async function openRun(folder: string): Promise<Run> {
  const path = join(folder, 'frames.rgb');
  return { path, raw: await open(path, 'w+'), frames: 0, motion: 0 };
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

function tooManyClips(file: MediaFile, { max_clips, seconds }: Config): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This video gives too many clips', {
    expected: `at most ${max_clips} clips of up to ${seconds} s`,
    found: 'more',
    where: file.uri,
  });
}
