import { matteOf } from '../models/networks/extensions/matte.js';
import { readImage } from '../models/networks/prompt-input.js';
import type { RgbImage, RgbVideo } from '../models/ports.js';
import type { Rgb } from './metrics/background.js';
import type { MotionName } from './metrics/motion.js';
import { worldSide } from './metrics/world-frames.js';

/*
 * The baseline without a net: the retrieved image, cut out, laid along the verb of the caption on the background that it names.
 * What a model adds to that is what its training was for.
 */

type Pose = { x: number; y: number; size: number; angle: number };

/** A world's usual size, way and middle, in units. */
const [SIZE, WAY, MIDDLE] = [17, 13.5, worldSide / 2];
const [SMALL, LARGE] = [8, 20];
const upright = (x: number, y: number, size = SIZE): Pose => ({ x, y, size, angle: 0 });

/** As captions say it; how it moves at moment u, from 0 for the first of T frames to 1 for the last. */
const verbs: Record<MotionName, { said: RegExp; at(u: number, T: number): Pose }> = {
  left: { said: /\bmoves left\b/, at: (u) => upright(MIDDLE + WAY * (0.5 - u), MIDDLE) },
  right: { said: /\bmoves right\b/, at: (u) => upright(MIDDLE + WAY * (u - 0.5), MIDDLE) },
  up: { said: /\bmoves up\b/, at: (u) => upright(MIDDLE, MIDDLE + WAY * (0.5 - u)) },
  down: { said: /\bmoves down\b/, at: (u) => upright(MIDDLE, MIDDLE + WAY * (u - 0.5)) },
  bounce: {
    said: /\bbounces\b/,
    at: (u, T) => upright(MIDDLE, worldSide - SIZE / 2 - WAY * Math.abs(Math.sin(round(u, T)))),
  },
  grow: { said: /\bgrows\b/, at: (u) => upright(MIDDLE, MIDDLE, SMALL + (LARGE - SMALL) * u) },
  shrink: { said: /\bshrinks\b/, at: (u) => upright(MIDDLE, MIDDLE, LARGE + (SMALL - LARGE) * u) },
  spin: { said: /\bspins\b/, at: (u, T) => ({ ...upright(MIDDLE, MIDDLE), angle: round(u, T) }) },
  circle: {
    said: /\bcircles\b/,
    at: (u, T) => upright(MIDDLE + (WAY / 2) * Math.sin(round(u, T)), MIDDLE - (WAY / 2) * Math.cos(round(u, T))),
  },
  still: { said: /\bstays still\b/, at: () => upright(MIDDLE, MIDDLE) },
};
/** A whole round would end where it began: the last frame is one before. */
const round = (u: number, T: number) => (2 * Math.PI * u * (T - 1)) / T;

/** Samples a side of a pixel, and pixels a side of the image that they are taken from. */
const [SAMPLES, DETAIL] = [3, 64];

/**
 * Without an image, or a verb that it knows, the background alone; without a colour that is named, grey. `fromThere`: the image is the
 * first frame, and the way begins where the subject stands in it.
 */
export function paste(
  caption: string,
  image: RgbImage | null,
  { frames: T, side, fromThere = false }: { frames: number; side: number; fromThere?: boolean },
  colours: ReadonlyMap<string, Rgb>,
): RgbVideo {
  const [, colour = ''] = /\bon an? (\w+) background\b/.exec(caption) ?? [];
  const background = colours.get(colour) ?? [127, 127, 127];
  const verb = Object.values(verbs).find(({ said }) => said.test(caption));
  const data = Uint8Array.from({ length: T * side * side * 3 }, (_, i) => Math.round(background[(i % 3) as 0 | 1 | 2]));
  if (!image || !verb) return { frames: T, width: side, height: side, data };
  const pixels = readImage(image, DETAIL);
  const matte = matteOf(pixels, DETAIL);
  const box = boxOf(matte);
  const unit = worldSide / DETAIL;
  const [start, there] = [verb.at(0, T), { x: box.x * unit, y: box.y * unit, size: box.longer * unit }];
  const moved = ({ x, y, size, angle }: Pose): Pose => ({
    ...{ x: there.x + x - start.x, y: there.y + y - start.y },
    ...{ size: (there.size * size) / start.size, angle },
  });
  for (let t = 0; t < T; t++) {
    const pose = verb.at(T > 1 ? t / (T - 1) : 0, T);
    const { x: px, y: py, size, angle } = fromThere ? moved(pose) : pose;
    const [cos, sin, scale] = [Math.cos(angle), Math.sin(angle), box.longer / size];
    for (let n = 0; n < side * side; n++) {
      const at = (t * side * side + n) * 3;
      const sum = [0, 0, 0, 0];
      for (let s = 0; s < SAMPLES ** 2; s++) {
        const dx = (((n % side) + ((s % SAMPLES) + 0.5) / SAMPLES) * worldSide) / side - px;
        const dy = ((Math.floor(n / side) + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) * worldSide) / side - py;
        const u = Math.floor(box.x + (cos * dx + sin * dy) * scale);
        const v = Math.floor(box.y + (cos * dy - sin * dx) * scale);
        const from = v * DETAIL + u;
        if (u < 0 || v < 0 || u >= DETAIL || v >= DETAIL || matte[from] === 0) continue;
        for (let c = 0; c < 3; c++) sum[c]! += (pixels[from * 3 + c]! + 1) * 127.5;
        sum[3]!++;
      }
      const rest = SAMPLES ** 2 - sum[3]!;
      for (let c = 0; c < 3; c++) data[at + c] = Math.round((sum[c]! + rest * data[at + c]!) / SAMPLES ** 2);
    }
  }
  return { frames: T, width: side, height: side, data };
}

/** The middle and the longer side of what a matte leaves, in pixels. */
function boxOf(matte: Float32Array): { x: number; y: number; longer: number } {
  let [left, top, right, bottom] = [DETAIL, DETAIL, 0, 0];
  for (const [i, v] of matte.entries())
    if (v > 0) {
      const [x, y] = [i % DETAIL, Math.floor(i / DETAIL)];
      [left, top, right, bottom] = [
        Math.min(left, x),
        Math.min(top, y),
        Math.max(right, x + 1),
        Math.max(bottom, y + 1),
      ];
    }
  return { x: (left + right) / 2, y: (top + bottom) / 2, longer: Math.max(1, right - left, bottom - top) };
}
