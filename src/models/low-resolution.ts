import type { Random } from './diffusion/random.js';
import type { LowResolution } from './presets.js';

/**
 * What an upsampler is given: a video of fewer frames and pixels, with noise on it, enlarged to its own size.
 *
 * The noise ("corruption"; Snap Video and Imagen train so) hides what a true small video has and a generated one has not:
 * the upsampler learns to keep what it sees and to draw its details anew. Its level is told to the network.
 */
interface Size {
  frames: number;
  width: number;
  height: number;
}

/** Frames and pixels of the small video that belongs to one of this size. A last frame that is half seen counts. */
export const lowSize = ({ frames, width, height }: Size, { everyFrame, everyPixel }: LowResolution): Size => ({
  frames: Math.ceil(frames / everyFrame),
  width: width / everyPixel,
  height: height / everyPixel,
});

/** Every n-th frame, pixels averaged over areas: [T, H, W, 3] → [T', H', W', 3]. */
export function reduce(video: ArrayLike<number>, size: Size, low: LowResolution): Float32Array {
  const { frames, width, height } = lowSize(size, low);
  const n = low.everyPixel;
  const out = new Float32Array(frames * height * width * 3);
  let at = 0;
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let dy = 0; dy < n; dy++)
            for (let dx = 0; dx < n; dx++)
              sum += video[((t * low.everyFrame * size.height + y * n + dy) * size.width + x * n + dx) * 3 + c]!;
          out[at++] = sum / n ** 2;
        }
  return out;
}

/** Noise of deviation `level` on it, in place. */
export function corrupt(video: Float32Array, level: number, random: Random): Float32Array {
  for (let i = 0; i < video.length; i++) video[i]! += level * random.normal();
  return video;
}

/**
 * The small video in the large one's frames and pixels: [T', H', W', 3] → [T, H, W, 3]. Each pixel is repeated (the network
 * sees what it was given and nothing made up); frames between two are their mixture, those after the last are the last.
 */
export function enlarge(video: ArrayLike<number>, size: Size, low: LowResolution): Float32Array {
  const small = lowSize(size, low);
  const out = new Float32Array(size.frames * size.height * size.width * 3);
  const frame = small.height * small.width * 3;
  let at = 0;
  for (let t = 0; t < size.frames; t++) {
    const before = Math.floor(t / low.everyFrame);
    const after = Math.min(before + 1, small.frames - 1);
    const share = (t % low.everyFrame) / low.everyFrame;
    for (let y = 0; y < size.height; y++)
      for (let x = 0; x < size.width; x++) {
        const place = (Math.floor(y / low.everyPixel) * small.width + Math.floor(x / low.everyPixel)) * 3;
        for (let c = 0; c < 3; c++)
          out[at++] = (1 - share) * video[before * frame + place + c]! + share * video[after * frame + place + c]!;
      }
  }
  return out;
}
