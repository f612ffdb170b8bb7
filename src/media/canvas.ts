import type { RgbImage } from './pixels.js';

type Place = readonly [x: number, y: number];

export interface Stroke {
  /** `#rrggbb` */
  colour: string;
  /** Pixels; 1 when left out. */
  width?: number;
  /** Lengths of dashes and of the gaps between them, in pixels. */
  dashes?: { on: number; off: number };
}

/**
 * A white picture to draw lines on, with smooth edges and round ends. SVG is no way here: reading it is switched off for
 * the whole process, so that no stranger's picture is read as one (picture-formats.ts).
 */
export class Canvas implements RgbImage {
  readonly data: Uint8Array;
  /** How much of each pixel the line of now covers; 0 between lines. */
  private readonly cover: Float32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8Array(width * height * 3).fill(255);
    this.cover = new Float32Array(width * height);
  }

  /** A line through all the places; a single one is a dot. What lies outside is not drawn. */
  line(places: readonly Place[], { colour, width = 1, dashes }: Stroke): void {
    const ink = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    const touched: number[] = [];
    for (const [from, to] of dashes ? dashed(places, dashes) : segments(places))
      this.mark(from, to, width / 2, touched);
    // Only now, so that a pixel which two segments share is not inked twice.
    for (const pixel of touched) {
      const share = this.cover[pixel]!;
      for (let c = 0; c < 3; c++) {
        const at = pixel * 3 + c;
        this.data[at] = Math.round((1 - share) * this.data[at]! + share * ink[c]!);
      }
      this.cover[pixel] = 0;
    }
  }

  /** A pixel is covered as far as its centre lies within half the line's width, with one pixel of transition. */
  private mark([x1, y1]: Place, [x2, y2]: Place, half: number, touched: number[]): void {
    const reach = half + 1;
    const square = (x2 - x1) ** 2 + (y2 - y1) ** 2;
    const [top, bottom] = span(y1, y2, reach, this.height);
    const [left, right] = span(x1, x2, reach, this.width);
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const [dx, dy] = [x + 0.5 - x1, y + 0.5 - y1];
        const along = square === 0 ? 0 : Math.max(0, Math.min(1, (dx * (x2 - x1) + dy * (y2 - y1)) / square));
        const distance = Math.hypot(dx - along * (x2 - x1), dy - along * (y2 - y1));
        const share = Math.min(1, half + 0.5 - distance);
        const pixel = y * this.width + x;
        if (share <= this.cover[pixel]!) continue;
        if (this.cover[pixel] === 0) touched.push(pixel);
        this.cover[pixel] = share;
      }
  }
}

/** Pixels between two places and a little beyond, within the picture. */
const span = (a: number, b: number, reach: number, size: number): [first: number, last: number] => [
  Math.max(0, Math.floor(Math.min(a, b) - reach)),
  Math.min(size - 1, Math.ceil(Math.max(a, b) + reach)),
];

function segments(places: readonly Place[]): [Place, Place][] {
  if (places.length === 1) return [[places[0]!, places[0]!]];
  return places.slice(1).map((to, i) => [places[i]!, to]);
}

/** The pieces of a line that its dashes leave, counted along its whole length. */
function dashed(places: readonly Place[], { on, off }: { on: number; off: number }): [Place, Place][] {
  const pieces: [Place, Place][] = [];
  let walked = 0;
  for (const [from, to] of segments(places)) {
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const at = (s: number): Place => [
      from[0] + (s / length) * (to[0] - from[0]),
      from[1] + (s / length) * (to[1] - from[1]),
    ];
    const period = on + off;
    for (let n = Math.floor(walked / period); n * period < walked + length; n++) {
      const [start, end] = [Math.max(0, n * period - walked), Math.min(length, n * period + on - walked)];
      if (start < end) pieces.push([at(start), at(end)]);
    }
    walked += length;
  }
  return pieces;
}
