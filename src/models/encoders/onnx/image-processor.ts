import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import type { RgbImage } from '../../ports.js';
import { netJson } from './net-file.js';
import { resample, resamplings } from './resample.js';

const side = z.number().int().min(1).max(4096);
/** Both sides, or the shorter one; a number is the latter of a size, and both of a crop. */
const sides = z.object({ height: side, width: side });
const shorter = z.object({ shortest_edge: side });
const channels = z.tuple([z.number(), z.number(), z.number()]);
const config = z.looseObject({
  do_resize: z.boolean().default(true),
  size: z.union([side, sides, shorter]).default(224),
  resample: z
    .number()
    .refine((filter) => resamplings.includes(filter), `one of ${resamplings.join(', ')}`)
    .default(3),
  do_center_crop: z.boolean().default(false),
  crop_size: z.union([side, sides]).optional(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels.default([0, 0, 0]),
  image_std: channels.refine((std) => std.every((one) => one > 0), 'above 0').default([1, 1, 1]),
});

/** Pixels of one image on the way: a strip of a million by one would be enlarged beyond all memory. */
const mostPixels = 64e6;

/** The pixels that a net reads, [1, 3, height, width]. */
export interface ImageInput {
  values: Float32Array;
  shape: [1, 3, number, number];
}

/**
 * What happens to an image before a net sees it, by preprocessor_config.json as Hugging Face's image processors of CLIP
 * and SigLIP do it: resized (its shorter side, or both), cropped around its centre, scaled and normalised.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED.
 */
export async function openImageProcessor(folder: string): Promise<(image: RgbImage) => ImageInput> {
  const where = join(folder, 'preprocessor_config.json');
  const told = await netJson(where, 2 ** 20);
  const checked = config.safeParse(told);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, told).map(mistakeText);
    throw new VimiError('WEIGHTS_DAMAGED', `Not a valid preprocessor of images: ${mistakes.join('; ')}`, { where });
  }
  const { do_resize, size, resample: filter, do_center_crop, crop_size, ...colours } = checked.data;
  const crop = crop_size ?? (typeof size === 'object' && 'shortest_edge' in size ? size.shortest_edge : size);
  return (image) => {
    const resized = do_resize ? resize(image, size, filter) : image;
    return normalised(do_center_crop ? centre(resized, crop) : resized, colours);
  };
}

type Size = z.output<typeof config>['size'];

function resize(image: RgbImage, size: Size, filter: number): RgbImage {
  const [width, height] =
    typeof size === 'object' && 'height' in size ? [size.width, size.height] : fitted(image, size);
  if (Math.max(width * height, width * image.height) > mostPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'An image is too long for its width to be embedded', {
      expected: `at most ${mostPixels} pixels once its shorter side is resized`,
      found: `${width}x${height}`,
    });
  return resample(image, width, height, filter);
}

/** The shorter side becomes as long as asked for, the other follows, rounded down. */
function fitted({ width, height }: RgbImage, size: number | { shortest_edge: number }): [number, number] {
  const edge = typeof size === 'number' ? size : size.shortest_edge;
  const long = Math.floor((edge * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? [edge, long] : [long, edge];
}

/** Of a smaller image the borders are black, as the processors pad it. */
function centre({ width: from, height: high, data }: RgbImage, crop: number | { width: number; height: number }) {
  const [width, height] = typeof crop === 'number' ? [crop, crop] : [crop.width, crop.height];
  const result = new Uint8Array(width * height * 3);
  // Cut off from a larger one is rounded down, put before a smaller one up.
  const offset = (whole: number, part: number) =>
    whole >= part ? Math.floor((whole - part) / 2) : -Math.ceil((part - whole) / 2);
  const [left, top] = [offset(from, width), offset(high, height)];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [fromX, fromY] = [x + left, y + top];
      if (fromX < 0 || fromY < 0 || fromX >= from || fromY >= high) continue;
      const at = (fromY * from + fromX) * 3;
      result.set(data.subarray(at, at + 3), (y * width + x) * 3);
    }
  return { width, height, data: result };
}

function normalised(
  { width, height, data }: RgbImage,
  {
    do_rescale,
    rescale_factor,
    do_normalize,
    image_mean,
    image_std,
  }: Pick<z.output<typeof config>, 'do_rescale' | 'rescale_factor' | 'do_normalize' | 'image_mean' | 'image_std'>,
): ImageInput {
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < plane; i++) {
      const value = data[i * 3 + c]! * (do_rescale ? rescale_factor : 1);
      values[c * plane + i] = do_normalize ? (value - image_mean[c]!) / image_std[c]! : value;
    }
  return { values, shape: [1, 3, height, width] };
}
