import { VimiError } from '../../core/errors.js';
import { cosine } from './cosine.js';
import type { Features } from './read-features.js';

/**
 * Cosine of each video with its text, -1 to 1. A video has `frames` rows in a row, and its cosine is the mean over them;
 * row i of `texts` is of video i.
 */
export function clipSimilarity(images: Features, texts: Features): number[] {
  const frames = images.n / texts.n;
  if (images.d !== texts.d || !Number.isInteger(frames) || frames < 1)
    throw new VimiError('SHAPE_MISMATCH', 'Images and texts do not go together', {
      expected: 'features of one net, and the same number of images for each text',
      found: `[${images.n}, ${images.d}] images and [${texts.n}, ${texts.d}] texts`,
    });
  return Array.from({ length: texts.n }, (_, i) => {
    let sum = 0;
    for (let f = 0; f < frames; f++) sum += cosine(images, i * frames + f, texts, i);
    return sum / frames;
  });
}
