import { boxOf, matteOf } from '../networks/extensions/matte.js';
import { readImage } from '../networks/prompt-input.js';
import type { ModelPrompt, RgbImage } from '../ports.js';

/*
 * References for a model that learned only such as fill their image: it takes the place and the size in the image for the subject's own,
 * and copies them into the video. What stands small or aside on a plain background is cut out of it, with a margin. Not from the paper.
 */

/** Pixels to each side in which the subject is looked for. */
const side = 64;
/** From this share of the side on the subject fills its image, as in training. */
const fills = 0.8;
/** Smaller than this is a speck. */
const least = 0.1;
/** Share of the side that it then has. */
const share = 0.95;

/** The prompt with its subjects filling their images; as it is for a model that does not say so. */
export function withFillingReferences(prompt: ModelPrompt, wanted = false): ModelPrompt {
  if (!wanted) return prompt;
  const parts = prompt.parts.map((part) =>
    'pixels' in part && (part.role === 'reference' || part.role === 'subject')
      ? { ...part, pixels: filling(part.pixels) }
      : part,
  );
  return { ...prompt, parts };
}

function filling(image: RgbImage): RgbImage {
  const pixels = readImage(image, side);
  const matte = matteOf(pixels, side);
  const { left, top, right, bottom } = boxOf(matte, side);
  const longer = Math.max(right - left, bottom - top) / side;
  if (longer < least || longer >= fills) return image;
  // In pixels of the image, which lies in the middle of a square.
  const { width, height, data } = image;
  const square = Math.max(width, height);
  const unit = square / side;
  const size = Math.max(1, Math.round((longer * square) / share));
  const x0 = Math.round(((left + right) / 2) * unit - (square - width) / 2 - size / 2);
  const y0 = Math.round(((top + bottom) / 2) * unit - (square - height) / 2 - size / 2);
  // Beyond the edge the plain colour around the subject goes on.
  const plain = matte.indexOf(0) * 3;
  const around = [0, 1, 2].map((c) => Math.round((pixels[plain + c]! + 1) * 127.5));
  const out = Uint8Array.from({ length: size * size * 3 }, (_, i) => around[i % 3]!);
  for (let v = Math.max(0, y0); v < Math.min(height, y0 + size); v++)
    for (let u = Math.max(0, x0); u < Math.min(width, x0 + size); u++)
      for (let c = 0; c < 3; c++) out[((v - y0) * size + u - x0) * 3 + c] = data[(v * width + u) * 3 + c]!;
  return { width: size, height: size, data: out };
}
