/** Width by height, each upright as well. */
const aspects = [
  [1, 1],
  [4, 3],
  [3, 2],
  [16, 9],
  [21, 9],
] as const;

/** Of the shorter side, in pixels: those that films and trainers use. */
const sides = [8, 16, 32, 48, 64, 96, 128, 144, 192, 240, 256, 288, 360, 480, 512, 576, 720, 1080, 1440, 2160, 4320];

/**
 * The class of shapes that a clip belongs to, for trainers that batch what is alike: `16x9-360p-64f`. The aspect is the
 * nearest of a few; the shorter side and the frames are at least what the name says (frames a power of two), so all of a
 * class can be scaled, cropped and cut to one size without inventing pixels or frames.
 */
export function shapeOf({ width, height, frames }: { width: number; height: number; frames: number }): string {
  const ratio = Math.log(Math.max(width, height) / Math.max(1, Math.min(width, height)));
  const away = ([w, h]: (typeof aspects)[number]) => Math.abs(Math.log(w / h) - ratio);
  const [long, short] = aspects.reduce((best, one) => (away(one) < away(best) ? one : best));
  const side = Math.min(width, height);
  const aspect = width >= height ? `${long}x${short}` : `${short}x${long}`;
  return `${aspect}-${sides.findLast((one) => one <= side) ?? side}p-${2 ** Math.floor(Math.log2(Math.max(1, frames)))}f`;
}
