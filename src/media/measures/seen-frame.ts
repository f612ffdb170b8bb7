import type { RgbImage } from '../pixels.js';

/** A frame of a film, and what all measures of it begin with. Worked out once, in one pass over its pixels. */
export interface SeenFrame {
  /** RGB bytes of the clips' size. */
  image: RgbImage;
  /** The grey of each pixel by BT.601, row by row, 256 steps a level: 0 to 65280. */
  grey: Uint16Array;
  /** The mean grey, 0 to 1. */
  brightness: number;
  /** How much there is to see: the standard deviation of the grey, 0 to 0.5. */
  contrast: number;
  /** How it differs from the frame before it: means over all pixels, 0 to 1. 0 for the first frame. */
  change: { colour: number; grey: number };
}

/** The grey of white. */
export const whiteGrey = 65280;

/**
 * Frames of one size as measures see them, one after the other. A frame that is shown again is not looked at again. Whoever
 * looks at the last `most` of them alone says so: older ones lose their grey to later ones.
 */
export async function* seeFrames(
  frames: AsyncIterable<Uint8Array>,
  size: { width: number; height: number },
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<SeenFrame> {
  const greys: Uint16Array[] = [];
  let before: SeenFrame | undefined;
  for await (const data of frames) {
    if (before?.image.data === data) before = { ...before, change: { colour: 0, grey: 0 } };
    else {
      const grey = greys.length < most ? new Uint16Array(data.length / 3) : greys.shift()!;
      before = seeFrame({ ...size, data }, before, grey);
      if (Number.isFinite(most)) greys.push(grey);
    }
    yield before;
  }
}

/** One frame, and the one before it, of the same size. `grey` is written to. */
export function seeFrame(
  image: RgbImage,
  before?: SeenFrame,
  grey: Uint16Array = new Uint16Array(image.width * image.height),
): SeenFrame {
  const { data } = image;
  const pixels = data.length / 3;
  const [dataBefore, greyBefore] = [before?.image.data ?? data, before?.grey ?? grey];
  let [sum, squares, colours, greys] = [0, 0, 0, 0];
  for (let n = 0, i = 0; n < pixels; n++, i += 3) {
    const r = data[i]!;
    const g = data[i + 1]!;
    const b = data[i + 2]!;
    const level = (19595 * r + 38470 * g + 7471 * b) >> 8;
    grey[n] = level;
    sum += level;
    squares += level * level;
    colours += Math.abs(r - dataBefore[i]!) + Math.abs(g - dataBefore[i + 1]!) + Math.abs(b - dataBefore[i + 2]!);
    greys += Math.abs(level - greyBefore[n]!);
  }
  const mean = sum / pixels;
  return {
    image,
    grey,
    brightness: mean / whiteGrey,
    contrast: Math.sqrt(Math.max(0, squares / pixels - mean * mean)) / whiteGrey,
    change: { colour: colours / (255 * data.length), grey: greys / (whiteGrey * pixels) },
  };
}

/** The mean difference of two frames of one size over pixels and channels, 0 to 1. */
export function colourDifference(a: SeenFrame, b: SeenFrame): number {
  const [one, other] = [a.image.data, b.image.data];
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += Math.abs(one[i]! - other[i]!);
  return sum / (255 * one.length);
}
