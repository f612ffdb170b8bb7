import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Clip } from '../../flow/flow.js';
import { cropped, cut, without } from '../../media/crop.js';
import { fitWithin } from '../../media/frames.js';
import { frameAsWebp, imageAndWebp, imageFormat } from '../../media/images.js';
import { stillBars, stillScores } from '../../media/measures/clip-measures.js';
import { withMedia } from '../../media/open-media.js';
import type { RgbImage } from '../../media/pixels.js';
import { readFrames } from '../../media/read-frames.js';
import { filmClips } from './film-clips.js';
import { type Around, appearanceOf, type Medium, store } from './stored-clip.js';

/*
 * In      file, probe
 * Out     one envelope a clip (clip: MP4 and keyframe in the object store, place in the source, scores, hash,
 *         embedding); a still is one clip
 * Drops   nothing; what is too short, small or still is for filter to say
 * Fails   MEDIA_DAMAGED (no frame decodes, or the decoder complains and a tenth of the frames is missing; or the file
 *         is not the one that was fetched any more), MEDIA_EMPTY, MEDIA_TOO_LARGE (more than max_clips), ENCODER_FAILED, STORAGE_FULL, TIMED_OUT
 * Memory  of each file the clip being cut and the one being coded: 48 MiB of frames each, the others lie in workDir.
 *         The process keeps up to 208 MiB of it for the next film
 */

const config = z.strictObject({
  cut: z
    .enum(['scenes', 'fixed'])
    .default('scenes')
    .describe('Where to cut: also at scene changes, or only by length.'),
  seconds: z.number().min(0.1).max(30).default(4).describe('Longest clip.'),
  min_seconds: z
    .number()
    .min(0)
    .max(2)
    .default(0.2)
    .describe('A shorter scene after which the previous one returns is a flash, not a scene.'),
  scene_threshold: z
    .number()
    .min(0.01)
    .max(1)
    .default(0.05)
    .describe(
      'The least change that can be a scene cut, 0 to 1. It is one only if it stands out from what changes around it.',
    ),
  max_clips: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe(
      'A medium with more clips is rejected, at once if its length shows it: 10,000 clips of 4 s are eleven hours.',
    ),
  max_gigapixels: z
    .number()
    .positive()
    .default(4000)
    .describe(
      'Most pixels of all frames of a medium together, in 10^9. 4,000 are 17 hours of 1080p at 30 frames a second, and some hours of work.',
    ),
  side: z
    .number()
    .int()
    .min(16)
    .max(1024)
    .default(512)
    .describe('Longer side of the stored clips; nothing is enlarged.'),
  fps: z
    .union([z.literal('keep'), z.number().min(1).max(60)])
    .default('keep')
    .describe('Frames a second of the clips; keep: those of the source, at least 1 and at most 60.'),
  crf: z.number().int().min(0).max(40).default(16).describe('Quality of the clips, as in x264: lower is better.'),
  crop: z
    .boolean()
    .default(false)
    .describe(
      'Black bars at both sides, or above and below, that every frame of a clip has are cut off, with the two rows or columns beside them; so they are of stills without alpha. What is left has even sides, and is what is measured.',
    ),
  concurrency: z.number().int().min(1).max(16).default(2).describe('Media cut at once.'),
});
type Config = z.infer<typeof config>;

export const split = defineOperator(
  {
    name: 'split',
    summary: 'Cuts a video into clips of one scene each and stores them; a still passes as one clip.',
    contract: {
      in: 'file and probe.',
      out: 'One envelope for each clip, in order. Each has its MP4 and keyframe (lossless WebP of the middle frame) in the object store under names that follow from their content, its place in the source, scores (motion, sharpness, brightness, contrast, black, frozen, letterbox), perceptual hash and image embedding. A picture that stands still for longer than a clip is shown for one clip’s length; the rest of its time is left out. The same bytes give the same clips with the same ffmpeg.',
      drops: 'Nothing.',
      fails:
        'MEDIA_DAMAGED if no frame decodes; if the decoder complains and more than a tenth of the announced frames is missing (lesser damage is logged and kept); or if the file changed after it was fetched; MEDIA_EMPTY; MEDIA_TOO_LARGE for more than max_clips clips; ENCODER_FAILED; STORAGE_FULL; TIMED_OUT. Clips that were stored before a failure stay in the object store, unnamed by any event.',
      memory:
        'Of each file the clip being cut and the one being coded: up to 48 MiB of frames each. Further frames of these clips lie in the temporary folder: 3 bytes a pixel. The process keeps up to 208 MiB of this memory for the next film.',
    },
    config,
    example: '- split: { cut: scenes, seconds: 4, side: 256 }',
    needs: ['file', 'probe'],
    adds: ['clip'],
    tools: ['ffmpeg'],
  },
  {
    concurrency: (options) => options.concurrency,
    async process({ file, probe }, context) {
      const { config: options, signal } = context;
      const clips = await withMedia(file, async (path) => {
        const medium = { path, file, probe, signal };
        return probe.kind === 'still' ? [await still(medium, options, context)] : filmClips(medium, options, context);
      });
      return clips.map((clip) => ({ clip }));
    },
  },
);

async function still(medium: Medium, { side, crop }: Config, resources: Around): Promise<Clip> {
  const { path, probe } = medium;
  const whole = (await imageFormat(path)) ? await imageAndWebp(path, side) : await onlyFrame(medium, side);
  const window = crop && !probe.hasAlpha ? without(stillBars(whole.image), whole.image) : undefined;
  const image = window ? cut(whole.image, window) : whole.image;
  const webp = window ? await frameAsWebp(image) : whole.webp;
  const object = await store(resources, 'images', webp, 'image/webp');
  return {
    kind: 'still',
    object,
    keyframe: object,
    ...{ start: 0, duration: 0, frames: 1, fps: 0, motion: 0 },
    ...{ width: image.width, height: image.height },
    scores: { ...stillScores(image), ...cropped({ crop }, whole.image, window) },
    ...(await appearanceOf(image, resources)),
  };
}

/** Of a video that has but one. */
async function onlyFrame(
  { path, file, probe, signal }: Medium,
  side: number,
): Promise<{ webp: Buffer; image: RgbImage }> {
  const size = fitWithin(probe.width, probe.height, side);
  const { frames } = await readFrames(path, probe, { ...size, fps: 25, signal });
  for await (const data of frames) return { webp: await frameAsWebp({ ...size, data }), image: { ...size, data } };
  throw new VimiError('MEDIA_EMPTY', 'No frame of this video decodes', {
    expected: 'one',
    found: 'none',
    where: file.uri,
  });
}
