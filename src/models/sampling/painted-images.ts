import { matteOf } from '../networks/extensions/matte.js';
import type { Image, PromptItem } from '../networks/prompt-input.js';

/**
 * A prompt's images as a base model painted them (paint.ts), for the upsampler: it is shown what the smaller video shows, and draws no
 * details in the colours that the subject had before. paints [4, 3] for each image, in their order.
 */
export function withPaint(items: readonly PromptItem[], paints: readonly Float32Array[]): PromptItem[] {
  let k = 0;
  return items.map((item) => {
    if (!('image' in item)) return item;
    const paint = paints[k++];
    return paint ? { ...item, image: paintedImage(item.image, paint) } : item;
  });
}

function paintedImage(image: Image, paint: Float32Array): Image {
  const matte = matteOf(image, Math.sqrt(image.length / 3));
  return image.map((v, i) => {
    const [pixel, to] = [Math.floor(i / 3), i % 3];
    if (matte[pixel] === 0) return v;
    const [red, green, blue] = image.subarray(3 * pixel, 3 * pixel + 3);
    const [r, g, b, m] = [0, 1, 2, 3].map((from) => paint[3 * from + to]!);
    return Math.max(-1, Math.min(1, v + red! * r! + green! * g! + blue! * b! + m!));
  });
}
