import sharp from 'sharp';
import { VimiError } from '../core/errors.js';
// Which decoders there are at all.
import './image-formats.js';

/** An image cut to what is opaque of it: premultiplied RGBA, colour 0 to 255, alpha 0 to 1, row by row. */
export interface Sprite {
  width: number;
  height: number;
  pixels: Float32Array;
}

/** Fainter than this is no part of the subject (0 to 255). */
const faint = 16;
const mostPixels = 4096 * 4096;

/** MEDIA_DAMAGED when the file cannot be decoded, MEDIA_EMPTY when it is wholly transparent. */
export async function readSprite(file: string): Promise<Sprite> {
  const { data, info } = await sharp(file, { limitInputPixels: mostPixels })
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw new VimiError('MEDIA_DAMAGED', 'This image cannot be decoded', {
        found: cause.message,
        where: file,
        cause,
      });
    });
  let [left, top, right, bottom] = [info.width, info.height, -1, -1];
  for (let y = 0; y < info.height; y++)
    for (let x = 0; x < info.width; x++)
      if (data[(y * info.width + x) * 4 + 3]! >= faint) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
      }
  if (right < 0) throw new VimiError('MEDIA_EMPTY', 'This image is fully transparent', { where: file });
  const [width, height] = [right - left + 1, bottom - top + 1];
  const pixels = new Float32Array(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = ((y + top) * info.width + x + left) * 4;
      const to = (y * width + x) * 4;
      const alpha = data[from + 3]! / 255;
      for (let c = 0; c < 3; c++) pixels[to + c] = data[from + c]! * alpha;
      pixels[to + 3] = alpha;
    }
  return { width, height, pixels };
}
