import sharp, { type OverlayOptions } from 'sharp';
import { VimiError } from '../errors.js';
import { Canvas, type Stroke } from './canvas.js';
import { ink, label } from './label.js';

/** Lines over two axes. Points whose place is not a number, or on a logarithmic axis not above 0, are left out. */
export interface LineChart {
  title: string;
  x: Axis;
  y: Axis;
  lines: Line[];
  /** Borders at places of x, with a word at their right. */
  borders?: { x: number; text: string }[];
}

export interface Axis {
  /** Below the axis; y's is said by the title. */
  label?: string;
  log?: boolean;
  /** The axis begins here, whatever the points. */
  from?: number;
  /** Where numbers stand; round ones are chosen when left out. */
  ticks?: readonly number[];
}

export interface Line {
  /** In the legend; a line without a name is not in it. */
  name?: string;
  /** `#rrggbb` */
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Pixels. Default: 2. */
  width?: number;
  dashed?: boolean;
  /** Marks each point. */
  dots?: boolean;
}

const panel = { width: 560, height: 300 };
const margin = { left: 64, top: 64, right: 24, bottom: 52 };
const size = { width: margin.left + panel.width + margin.right, height: margin.top + panel.height + margin.bottom };
const grid = '#e1e4e8';
const pale = '#57606a';
const dashes = { on: 5, off: 6 };

/**
 * Writes one PNG with the charts side by side.
 *
 * @returns the picture's size in pixels
 * @throws MEDIA_EMPTY without charts
 */
export async function lineCharts(
  charts: readonly LineChart[],
  file: string,
): Promise<{ width: number; height: number }> {
  if (charts.length === 0) throw new VimiError('MEDIA_EMPTY', 'A picture of charts needs a chart');
  const canvas = new Canvas(charts.length * size.width, size.height);
  const words: OverlayOptions[] = [];
  for (const [i, chart] of charts.entries())
    words.push(...(await drawChart(canvas, chart, i * size.width + margin.left, margin.top)));
  const { width, height, data } = canvas;
  await sharp(data, { raw: { width, height, channels: 3 } })
    .composite(words)
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toFile(file);
  return { width, height };
}

/** Draws the lines, and returns the words that are laid over them. */
async function drawChart(canvas: Canvas, chart: LineChart, left: number, top: number): Promise<OverlayOptions[]> {
  const words: OverlayOptions[] = [];
  /** `across` and `down`: which part of the text stands at the place, from 0 to 1. */
  const write = async (text: string, x: number, y: number, across: number, down: number, colour = ink) => {
    const drawn = await label(text, { colour, size: 9 });
    if (!drawn) return 0;
    const at = (place: number, length: number, part: number) => Math.max(0, Math.round(place - part * length));
    words.push({ input: drawn.data, left: at(x, drawn.width, across), top: at(y, drawn.height, down) });
    return drawn.width;
  };
  const [right, bottom] = [left + panel.width, top + panel.height];
  // Pixels' centres: a line one pixel wide fills one row.
  const upright = (x: number, stroke: Stroke) =>
    canvas.line(
      [x, x].map((place, i) => [Math.floor(place) + 0.5, [top, bottom][i]!] as const),
      stroke,
    );
  const level = (y: number, stroke: Stroke) =>
    canvas.line(
      [left, right].map((place) => [place, Math.floor(y) + 0.5] as const),
      stroke,
    );

  const all = chart.lines.flatMap(({ points }) => points);
  const x = scaleOf(
    chart.x,
    all.map(([v]) => v),
    left,
    right,
  );
  const y = scaleOf(
    chart.y,
    all.map(([, v]) => v),
    bottom,
    top,
  );
  for (const { value, place } of x.ticks) {
    upright(place, { colour: grid });
    await write(tickText(value), place, bottom + 7, 0.5, 0, pale);
  }
  for (const { value, place } of y.ticks) {
    level(place, { colour: grid });
    await write(tickText(value), left - 7, place, 1, 0.5, pale);
  }
  if (chart.x.label) await write(chart.x.label, (left + right) / 2, bottom + 36, 0.5, 0.5, pale);

  for (const { x: at, text } of chart.borders ?? []) {
    // The axis itself is border enough.
    if (x.place(at) > left + 1) upright(x.place(at), { colour: '#8c959f', dashes: { on: 4, off: 4 } });
    await write(text, x.place(at) + 5, top + 5, 0, 0, pale);
  }
  for (const { colour, points, width = 2, dashed, dots } of chart.lines) {
    const places = points
      .map(([u, v]) => [x.place(u), y.place(v)] as const)
      .filter((place) => place.every(Number.isFinite));
    canvas.line(places, { colour, width, ...(dashed && { dashes }) });
    // A point alone makes no line.
    if (dots || places.length === 1) for (const place of places) canvas.line([place], { colour, width: 6 });
  }
  upright(left, { colour: pale });
  level(bottom, { colour: pale });

  await write(chart.title, left, top - 46, 0, 0.5);
  let at = left;
  for (const { name, colour, dashed } of chart.lines) {
    if (name === undefined) continue;
    const swatch = [at, at + 18].map((place) => [place, top - 20] as const);
    canvas.line(swatch, { colour, width: 3, ...(dashed && { dashes }) });
    at += 24 + (await write(name, at + 24, top - 20, 0, 0.5)) + 16;
  }
  return words;
}

/** Where the values of an axis stand between two pixels, and which of them are written. */
function scaleOf({ log = false, from, ticks }: Axis, values: readonly number[], first: number, last: number) {
  const seen = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
  if (from !== undefined) seen.push(from);
  // Not Math.min(...): a long training has more values than a call may have arguments.
  let [low, high] = seen.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  if (seen.length === 0) [low, high] = [log ? 0.1 : 0, 1];
  if (low === high) [low, high] = log ? [low / 1.5, high * 1.5] : [low - 0.5, high + 0.5];
  const bent = log ? Math.log : (v: number) => v;
  // A little air, so that nothing lies on the frame.
  const air = 0.04 * (bent(high) - bent(low));
  const [start, end] = [bent(low) - (low === from ? 0 : air), bent(high) + air];
  const place = (v: number) => first + ((bent(v) - start) / (end - start)) * (last - first);
  const [lowest, highest] = log ? [Math.exp(start), Math.exp(end)] : [start, end];
  const chosen = ticks ?? (log ? logTicks(lowest, highest) : roundTicks(lowest, highest));
  return { place, ticks: chosen.map((value) => ({ value, place: place(value) })) };
}

/** Some five round numbers from `low` to `high`. */
export function roundTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((n) => n * power >= rough * 0.999) ?? 10);
  const ticks: number[] = [];
  // Counted, not added up: sums of 0.1 drift.
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-9); n++)
    ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

/** Ones, twos and fives of the powers of ten; powers alone where those would be many, round numbers where they are few. */
export function logTicks(low: number, high: number): number[] {
  const among = (steps: number[]) => {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const n of steps) {
        const tick = Number((n * 10 ** power).toPrecision(12));
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    return ticks;
  };
  const ticks = among([1, 2, 5]);
  if (ticks.length < 3) return roundTicks(low, high);
  return ticks.length > 8 ? among([1]) : ticks;
}

/** 1500000 → 1.5M, 20000 → 20k; smaller numbers as they are. */
function tickText(value: number): string {
  const rounded = (v: number) => String(Number(v.toPrecision(4)));
  if (Math.abs(value) >= 1e6) return `${rounded(value / 1e6)}M`;
  return Math.abs(value) >= 1e4 ? `${rounded(value / 1e3)}k` : rounded(value);
}
