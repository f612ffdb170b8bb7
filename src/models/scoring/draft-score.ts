import type { RgbImage, RgbVideo } from '../../media/pixels.js';
import { boxOf, matteOf } from '../networks/extensions/matte.js';
import { readImage } from '../networks/prompt-input.js';
import type { Embedder, ModelPrompt } from '../ports.js';

/** Frames of a draft that are looked at, and the side of what is compared, in pixels. */
const framesCompared = 3;
const side = 64;

/**
 * How well a draft fits its prompt, by an encoder: the mean cosine of its frames and the prompt's images, subjects cut out of both;
 * with an encoder that compares texts with images, the prompt's words count as one more. undefined: the prompt has nothing that this
 * encoder can compare. Higher is better; only drafts of one prompt compare.
 */
export async function draftScore(
  video: RgbVideo,
  { parts }: Pick<ModelPrompt, 'parts'>,
  embedder: Embedder,
): Promise<number | undefined> {
  const frames = someFrames(video);
  const [whole, cut] = [frames, frames.map(cutOut)];
  const scores: number[] = [];
  for (const part of parts) {
    if (!('pixels' in part) || part.role === 'first-frame') continue;
    const isBackground = part.role === 'background';
    const wanted = await embedder.image(isBackground ? part.pixels : cutOut(part.pixels));
    scores.push(await likeness(isBackground ? whole : cut, wanted, embedder));
  }
  const text = parts.flatMap((part) => ('text' in part ? [part.text] : [])).join(' ');
  if (embedder.joint && text.trim() !== '') scores.push(await likeness(whole, await embedder.text(text), embedder));
  return scores.length === 0 ? undefined : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

async function likeness(frames: readonly RgbImage[], wanted: readonly number[], embedder: Embedder): Promise<number> {
  let sum = 0;
  for (const frame of frames) {
    const seen = await embedder.image(frame);
    sum += seen.reduce((product, value, i) => product + value * wanted[i]!, 0);
  }
  return sum / frames.length;
}

/** From the middles of equal parts of the video. */
function someFrames({ frames, width, height, data }: RgbVideo): RgbImage[] {
  const size = width * height * 3;
  const count = Math.min(frames, framesCompared);
  return Array.from({ length: count }, (_, i) => {
    const t = Math.floor(((i + 0.5) * frames) / count);
    return { width, height, data: data.subarray(t * size, (t + 1) * size) };
  });
}

/** What stands off from a plain border, on white, as large as the square allows; the whole image where the border is not plain. */
function cutOut(image: RgbImage): RgbImage {
  const pixels = readImage(image, side);
  const matte = matteOf(pixels, side);
  const { left, top, right, bottom } = boxOf(matte, side);
  const longer = Math.max(1, right - left, bottom - top);
  const [x0, y0] = [(left + right - longer) / 2, (top + bottom - longer) / 2];
  const data = new Uint8Array(side * side * 3).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [u, v] = [Math.floor(x0 + ((x + 0.5) * longer) / side), Math.floor(y0 + ((y + 0.5) * longer) / side)];
      if (u < 0 || v < 0 || u >= side || v >= side || !matte[v * side + u]) continue;
      for (let c = 0; c < 3; c++)
        data[(y * side + x) * 3 + c] = Math.round((pixels[(v * side + u) * 3 + c]! + 1) * 127.5);
    }
  return { width: side, height: side, data };
}
