import { average } from '../encoders/built-in/area.js';
import type { ModelPrompt, RgbImage } from '../ports.js';

/*
 * The first frame that a prompt gives is the first frame of the video, not one more image to look at: each step of the
 * sampler takes it as it is, so that the others are drawn beside it, and it comes out as it went in.
 */

export interface FrameSize {
  width: number;
  height: number;
}

/**
 * An image as a whole frame: it covers what of the frame is `shown`, its middle, without being stretched; what stands out
 * is cut off. A model makes frames of its own size, of which a smaller video shows the middle: around it, the image's edge
 * goes on.
 */
export function layFirstFrame(image: RgbImage, native: FrameSize, shown: FrameSize): RgbImage {
  const each = Math.min(image.width / shown.width, image.height / shown.height);
  // The middle of the image lies in the middle of the frame.
  const along = (length: number, count: number, visible: number) => {
    const before = (count - visible) >> 1;
    return { from: (length - visible * each) / 2 - before * each, length: count * each, count };
  };
  const colours = average(
    image,
    along(image.width, native.width, shown.width),
    along(image.height, native.height, shown.height),
  );
  return { ...native, data: Uint8Array.from(colours, (v) => Math.round(255 * v)) };
}

/** The prompt with its first frame as the frame of a video, and that frame; null: it gives none. */
export function withFirstFrame(
  prompt: ModelPrompt,
  native: FrameSize,
  shown: FrameSize,
): { prompt: ModelPrompt; frame: RgbImage | null } {
  const given = prompt.parts.find((part) => 'pixels' in part && part.role === 'first-frame');
  if (!given || !('pixels' in given)) return { prompt, frame: null };
  const frame = layFirstFrame(given.pixels, native, shown);
  return {
    prompt: { ...prompt, parts: prompt.parts.map((part) => (part === given ? { ...given, pixels: frame } : part)) },
    frame,
  };
}
