import { VimiError } from '../../core/errors.js';
import { cosine } from '../features/cosine.js';
import type { Features } from '../features/read-features.js';

/*
 * The similarities of MSRVTT-Personalization (Video Alchemist, arXiv 2501.06187; its published code), on features of nets that somebody
 * else ran. Rows lie sample by sample, each with its frames in a row.
 */

/** Vid-S: of each sample the mean cosine over ALL pairs of a generated and a real frame, not of frames at the same moment. */
export function videoSimilarities(generated: Features, real: Features, samples: number): number[] {
  const [m, n] = [perSample(generated, samples), perSample(real, samples)];
  sameNet(generated, real);
  return Array.from({ length: samples }, (_, s) => {
    let sum = 0;
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) sum += cosine(generated, s * m + i, real, s * n + j);
    return sum / (m * n);
  });
}

/**
 * Subj-S and Face-S: of each sample the mean over its frames of the mean cosine of the subject's crop and the images that show the subject.
 * A crop of zeros says that the detector found nothing: it counts as 0, as in the published code.
 */
export function subjectSimilarities(crops: Features, targets: Features, samples: number): number[] {
  return videoSimilarities(crops, targets, samples);
}

function perSample({ n }: Features, samples: number): number {
  const each = n / samples;
  if (Number.isInteger(each) && each >= 1) return each;
  throw new VimiError('SHAPE_MISMATCH', 'The rows do not go together with the samples', {
    expected: `a multiple of ${samples} rows`,
    found: String(n),
  });
}

function sameNet(a: Features, b: Features): void {
  if (a.d === b.d) return;
  throw new VimiError('SHAPE_MISMATCH', 'These are features of two nets', {
    expected: 'as many numbers in a row',
    found: `${a.d} and ${b.d}`,
  });
}
