import type { Sprite } from '../../media/read-sprite.js';
import type { Rgb } from './background.js';

/** A sprite drawn upright with its centre in the middle of the raster: premultiplied RGBA, [side, side, 4]; side is odd. */
export interface Raster {
  side: number;
  pixels: Float32Array;
}

/** Sizes at which a template is drawn: smallest * step ** k units. */
const smallest = 4;
const step = 1.12;
const levels = 19;

/** Samples a side of a pixel. */
const samplesPerSide = 3;

/** A subject to be compared with: drawn at every size that was asked for, once. */
export class Template {
  /** Mean colour where it is opaque, 0 to 255. */
  readonly colour: Rgb;
  /** Its spread (see Found.size) when its longer side is 1. */
  readonly spread: number;
  /** Its centre of mass from the middle of its box, when its longer side is 1. */
  readonly offset: { x: number; y: number };
  readonly #rasters = new Map<number, Raster>();

  constructor(
    readonly code: string,
    readonly sprite: Sprite,
  ) {
    const { width, height, pixels } = sprite;
    const longer = Math.max(width, height);
    let [area, x, y, xx, yy] = [0, 0, 0, 0, 0];
    const colour = [0, 0, 0];
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const at = (row * width + column) * 4;
        const w = pixels[at + 3]!;
        const [u, v] = [(column + 0.5 - width / 2) / longer, (row + 0.5 - height / 2) / longer];
        area += w;
        x += w * u;
        y += w * v;
        xx += w * u * u;
        yy += w * v * v;
        for (let c = 0; c < 3; c++) colour[c]! += pixels[at + c]!;
      }
    this.colour = [colour[0]! / area, colour[1]! / area, colour[2]! / area];
    this.offset = { x: x / area, y: y / area };
    this.spread = Math.sqrt(6 * (xx / area + yy / area - this.offset.x ** 2 - this.offset.y ** 2));
  }

  /** Levels of size around the one at which it is spread as wide as `spread` units, `reach` to both sides. */
  levelsNear(spread: number, reach: number): number[] {
    const size = spread / Math.max(0.05, this.spread);
    const middle = Math.round(Math.log(Math.max(size, 1e-3) / smallest) / Math.log(step));
    const from = Math.min(Math.max(0, middle - reach), levels - 2 * reach - 1);
    return Array.from({ length: 2 * reach + 1 }, (_, n) => from + n);
  }

  /** Length of the longer side at a level, in units. */
  static sizeOf(level: number): number {
    return smallest * step ** level;
  }

  at(level: number): Raster {
    const drawn = this.#rasters.get(level);
    if (drawn) return drawn;
    const raster = rasterOf(this.sprite, Template.sizeOf(level));
    this.#rasters.set(level, raster);
    return raster;
  }
}

/** By averaging bilinear samples, as the world's own renderer draws. */
function rasterOf(sprite: Sprite, size: number): Raster {
  const scale = Math.max(sprite.width, sprite.height) / size;
  const reach = Math.ceil(Math.max(sprite.width, sprite.height) / scale / 2 + 0.5);
  const side = 2 * reach + 1;
  const pixels = new Float32Array(side * side * 4);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let j = 0; j < samplesPerSide; j++)
        for (let i = 0; i < samplesPerSide; i++) {
          const u = (x + (i + 0.5) / samplesPerSide - side / 2) * scale + sprite.width / 2 - 0.5;
          const v = (y + (j + 0.5) / samplesPerSide - side / 2) * scale + sprite.height / 2 - 0.5;
          addBilinear(sprite, u, v, pixels, (y * side + x) * 4, 1 / samplesPerSide ** 2);
        }
  return { side, pixels };
}

function addBilinear(
  { width, height, pixels }: Sprite,
  u: number,
  v: number,
  out: Float32Array,
  at: number,
  w: number,
) {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  for (let j = 0; j < 2; j++) {
    if (y + j < 0 || y + j >= height) continue;
    for (let i = 0; i < 2; i++) {
      if (x + i < 0 || x + i >= width) continue;
      const from = ((y + j) * width + x + i) * 4;
      const alpha = pixels[from + 3]!;
      if (alpha === 0) continue;
      const weight = w * (i ? u - x : 1 - u + x) * (j ? v - y : 1 - v + y);
      out[at]! += weight * pixels[from]!;
      out[at + 1]! += weight * pixels[from + 1]!;
      out[at + 2]! += weight * pixels[from + 2]!;
      out[at + 3]! += weight * alpha;
    }
  }
}
