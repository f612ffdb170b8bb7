import { z } from 'zod';
import { defineOperator } from '../../flow/define-operator.js';
import { withMedia } from '../../media/open-media.js';
import { probeMedia } from '../../media/probe-media.js';

/*
 * In      file
 * Out     probe: video or still, size as displayed, duration, rate, codec, alpha
 * Drops   nothing
 * Fails   MEDIA_UNSUPPORTED (neither video nor image; sound alone; HEIC), MEDIA_DAMAGED, MEDIA_EMPTY (no frame),
 *         MEDIA_TOO_LARGE (pixels, by the header), TIMED_OUT, FFMPEG_NOT_FOUND
 * Memory  a header
 */
export const probe = defineOperator(
  {
    name: 'probe',
    summary: 'Finds out what a medium is, by its bytes and not by its name.',
    contract: {
      in: 'file.',
      out: 'probe: video or still, its size as displayed (rotated, square pixels), duration, rate, codec, and whether it has alpha. A video of one frame is a still; an animated GIF, WebP, PNG or AVIF is a video.',
      drops: 'Nothing.',
      fails:
        'MEDIA_UNSUPPORTED for a file that is neither video nor image (also for sound alone), and for images that no decoder here reads correctly: HEIC, camera raw files, TIFF with floating point samples, HDR images; MEDIA_DAMAGED; MEDIA_EMPTY without a frame; MEDIA_TOO_LARGE by the size in the header, before anything is decoded; TIMED_OUT.',
      memory: 'A header; nothing is decoded.',
    },
    config: z.strictObject({
      max_pixels: z.number().int().positive().default(100_000_000).describe('Most pixels of a still image.'),
      max_frame_pixels: z
        .number()
        .int()
        .positive()
        .default(40_000_000)
        .describe('Most pixels of one frame of a video or an animation.'),
      concurrency: z.number().int().min(1).max(64).default(4).describe('Media probed at once.'),
    }),
    example: '- probe: { max_pixels: 50000000 }',
    needs: ['file'],
    adds: ['probe'],
    tools: ['ffprobe'],
  },
  {
    concurrency: (config) => config.concurrency,
    process: async ({ file }, { config, signal }) => ({
      probe: await withMedia(file, (path) =>
        probeMedia(path, { maxPixels: config.max_pixels, maxFramePixels: config.max_frame_pixels, signal }),
      ),
    }),
  },
);
