import { frameLength, type WorldFrame, worldSide } from './world-frames.js';

export type Rgb = readonly [r: number, g: number, b: number];

/** The colour of a plain background, 0 to 255: the median of the borders of all frames, each channel by itself. */
export function backgroundColour(frames: readonly WorldFrame[]): Rgb {
  const last = worldSide - 1;
  const border = Array.from({ length: worldSide }, (_, i) => [
    i,
    last * worldSide + i,
    i * worldSide,
    i * worldSide + last,
  ]).flat();
  return [0, 1, 2].map((c) => {
    const values = frames.flatMap((frame) => border.map((pixel) => frame[pixel * 3 + c]!)).sort((a, b) => a - b);
    return values[values.length >> 1]!;
  }) as unknown as Rgb;
}

/** A frame of one colour. */
export function plain(colour: Rgb): WorldFrame {
  const frame = new Float32Array(frameLength);
  for (let i = 0; i < frameLength; i++) frame[i] = colour[(i % 3) as 0 | 1 | 2];
  return frame;
}

/** The name of the nearest of the named colours (Euclidean in RGB). */
export function nearestColour(colour: Rgb, named: ReadonlyMap<string, Rgb>): string {
  let best = '';
  let least = Number.POSITIVE_INFINITY;
  for (const [name, other] of named) {
    const distance = colourDistance(colour, other);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

export const colourDistance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
