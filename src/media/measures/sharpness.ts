import type { RgbImage } from '../pixels.js';
import type { Measure } from './measure.js';
import { greyAt, whiteGrey } from './seen-frame.js';

/**
 * How much fine detail a clip has: the variance of the Laplacian of the grey (0 to 1), the mean of two frames a second.
 * 0 is flat or fully blurred; soft images stay under 0.0005, sharp photographs reach 0.002 to 0.02, drawings with hard
 * edges more. It depends on the size of the frames, so compare clips of one size.
 * Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000 (LAPV).
 */
export function sharpness(fps: number): Measure<number> {
  const step = Math.max(1, Math.round(fps / 2));
  let [frames, looks, sum] = [0, 0, 0];
  return {
    see({ image }) {
      if (frames++ % step > 0) return;
      looks++;
      sum += varianceOfLaplacian(image);
    },
    found: () => sum / looks,
  };
}

/** 0 for an image of fewer than 3 pixels a side. */
function varianceOfLaplacian({ data, width: W, height: H }: RgbImage): number {
  if (W < 3 || H < 3) return 0;
  const grey = new Uint16Array(W * H);
  for (let p = 0; p < grey.length; p++) grey[p] = greyAt(data, 3 * p);
  let [sum, squares] = [0, 0];
  for (let y = 1; y < H - 1; y++)
    for (let p = y * W + 1; p < (y + 1) * W - 1; p++) {
      const edge = grey[p - 1]! + grey[p + 1]! + grey[p - W]! + grey[p + W]! - 4 * grey[p]!;
      sum += edge;
      squares += edge * edge;
    }
  const n = (W - 2) * (H - 2);
  const mean = sum / n;
  return Math.max(0, squares / n - mean * mean) / whiteGrey ** 2;
}
