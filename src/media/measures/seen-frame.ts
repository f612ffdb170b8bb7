import type { RgbImage } from '../pixels.js';
import { pixelSums } from './pixel-sums.js';

/** A frame of a film, and what all measures of it begin with. Worked out once, in one pass over its pixels. */
export interface SeenFrame {
  /** RGB bytes of the clips' size. */
  image: RgbImage;
  /** The mean grey, 0 to 1. */
  brightness: number;
  /** How much there is to see: the standard deviation of the grey, 0 to 0.5. */
  contrast: number;
  /** How it differs from the frame before it: means over all pixels, 0 to 1. 0 for the first frame. */
  change: { colour: number; grey: number };
}

/** The grey of white. */
export const whiteGrey = 65280;

/** Frames of one size as measures see them, one after the other. A frame that is shown again is not looked at again. */
export async function* seeFrames(
  frames: AsyncIterable<Uint8Array>,
  size: { width: number; height: number },
): AsyncGenerator<SeenFrame> {
  let before: SeenFrame | undefined;
  for await (const data of frames) {
    const isAgain = before?.image.data === data;
    before = isAgain ? { ...before!, change: { colour: 0, grey: 0 } } : seeFrame({ ...size, data }, before);
    yield before;
  }
}

/** One frame, and the one before it, of the same size. */
export function seeFrame(image: RgbImage, before?: SeenFrame): SeenFrame {
  const { data } = image;
  const pixels = data.length / 3;
  const { greys, squares, colours, changes } = pixelSums(data, before?.image.data ?? data);
  const mean = greys / pixels;
  return {
    image,
    brightness: mean / whiteGrey,
    contrast: Math.sqrt(Math.max(0, squares / pixels - mean * mean)) / whiteGrey,
    change: { colour: colours / (255 * data.length), grey: changes / (whiteGrey * pixels) },
  };
}

/** The grey of a pixel by BT.601, 256 steps a level: 0 to 65280. `at`: of its first byte. */
export function greyAt(data: Uint8Array, at: number): number {
  return (19595 * data[at]! + 38470 * data[at + 1]! + 7471 * data[at + 2]!) >> 8;
}

/** The mean difference of two frames of one size over pixels and channels, 0 to 1. */
export function colourDifference({ image: { data } }: SeenFrame, other: SeenFrame): number {
  return pixelSums(data, other.image.data).colours / (255 * data.length);
}
