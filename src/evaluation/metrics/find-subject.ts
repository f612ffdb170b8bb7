import type { Rgb } from './background.js';
import { type WorldFrame, worldSide } from './world-frames.js';

/** What stands off from the background in a frame. Lengths in world units, from the left upper corner. */
export interface Found {
  /** Centre of mass. */
  x: number;
  y: number;
  /** Side of the square that is spread as wide: sqrt(6 (var x + var y)). */
  size: number;
  /** Units of area that it covers. */
  area: number;
  /** Mean colour, 0 to 255. */
  colour: Rgb;
}

/** Distances in RGB (0 to 441) below which a pixel is background, and from which on it is wholly subject. */
const backgroundBelow = 36;
const subjectFrom = 84;
/** Less than this is noise: 2 % of a frame would be 20. */
const leastArea = 8;

/** null: nothing is there. */
export function findSubject(frame: WorldFrame, background: WorldFrame): Found | null {
  const cover = coverage(frame, background);
  let [area, x, y, xx, yy] = [0, 0, 0, 0, 0];
  const colour = [0, 0, 0] as [number, number, number];
  for (let row = 0; row < worldSide; row++)
    for (let column = 0; column < worldSide; column++) {
      const pixel = row * worldSide + column;
      const w = cover[pixel]!;
      if (w === 0) continue;
      const [u, v] = [column + 0.5, row + 0.5];
      area += w;
      x += w * u;
      y += w * v;
      // A pixel is itself 1 wide: 1/12 of variance.
      xx += w * (u * u + 1 / 12);
      yy += w * (v * v + 1 / 12);
      for (const c of [0, 1, 2] as const) colour[c] += w * frame[pixel * 3 + c]!;
    }
  if (area < leastArea) return null;
  x /= area;
  y /= area;
  const spread = xx / area - x * x + yy / area - y * y;
  return {
    ...{ x, y, area },
    size: Math.sqrt(6 * Math.max(0, spread)),
    colour: [colour[0] / area, colour[1] / area, colour[2] / area],
  };
}

/**
 * How far each pixel belongs to the subject, 0 to 1. Specks are left out: what belongs to no patch of at least an eighth
 * of the largest one's area (patches touch at sides or corners).
 */
function coverage(frame: WorldFrame, background: WorldFrame): Float32Array {
  const cover = new Float32Array(worldSide * worldSide);
  for (let pixel = 0; pixel < cover.length; pixel++) {
    const at = pixel * 3;
    const off = Math.hypot(
      frame[at]! - background[at]!,
      frame[at + 1]! - background[at + 1]!,
      frame[at + 2]! - background[at + 2]!,
    );
    cover[pixel] = Math.min(1, Math.max(0, (off - backgroundBelow) / (subjectFrom - backgroundBelow)));
  }
  const patches = connected(cover);
  const areas = patches.map((pixels) => pixels.reduce((sum, pixel) => sum + cover[pixel]!, 0));
  const largest = Math.max(0, ...areas);
  for (const [n, pixels] of patches.entries())
    if (areas[n]! < largest / 8) for (const pixel of pixels) cover[pixel] = 0;
  return cover;
}

/** Pixels of each connected patch above 0. */
function connected(cover: Float32Array): number[][] {
  const seen = new Uint8Array(cover.length);
  const patches: number[][] = [];
  for (let start = 0; start < cover.length; start++) {
    if (seen[start] || cover[start] === 0) continue;
    const pixels = [start];
    seen[start] = 1;
    for (let next = 0; next < pixels.length; next++) {
      const [row, column] = [Math.floor(pixels[next]! / worldSide), pixels[next]! % worldSide];
      for (let r = Math.max(0, row - 1); r <= Math.min(worldSide - 1, row + 1); r++)
        for (let c = Math.max(0, column - 1); c <= Math.min(worldSide - 1, column + 1); c++) {
          const pixel = r * worldSide + c;
          if (seen[pixel] || cover[pixel] === 0) continue;
          seen[pixel] = 1;
          pixels.push(pixel);
        }
    }
    patches.push(pixels);
  }
  return patches;
}
