import { VimiError } from '../../core/errors.js';
import { ink } from './label.js';

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

/** The charts side by side, as one SVG. MEDIA_EMPTY without charts. */
export function lineCharts(charts: readonly LineChart[]): string {
  if (charts.length === 0) throw new VimiError('MEDIA_EMPTY', 'A chart image needs a chart');
  const [width, height] = [charts.length * size.width, size.height];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="sans-serif" font-size="12" fill="${ink}">\n`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>\n`,
    ...charts.map(
      (chart, i) => `<g transform="translate(${i * size.width + margin.left} ${margin.top})">\n${drawn(chart)}</g>\n`,
    ),
    '</svg>\n',
  ].join('');
}

/** One chart, its upper left corner at 0 0. */
function drawn({ title, x: across, y: up, lines, borders = [] }: LineChart): string {
  const { width, height } = panel;
  const all = lines.flatMap(({ points }) => points);
  const valuesOf = (axis: 0 | 1) => all.map((point) => point[axis]);
  const x = scaleOf(across, valuesOf(0), 0, width);
  const y = scaleOf(up, valuesOf(1), height, 0);
  const elements = [
    ...x.ticks.flatMap(({ value, place }) => [
      path(
        [
          [place, 0],
          [place, height],
        ],
        grid,
      ),
      text(tickText(value), place, height + 18, { anchor: 'middle', colour: pale }),
    ]),
    ...y.ticks.flatMap(({ value, place }) => [
      path(
        [
          [0, place],
          [width, place],
        ],
        grid,
      ),
      text(tickText(value), -7, place + 4, { anchor: 'end', colour: pale }),
    ]),
    text(across.label ?? '', width / 2, height + 40, { anchor: 'middle', colour: pale }),
    ...borders.flatMap(({ x: at, text: word }) => [
      // The axis itself is border enough.
      x.place(at) > 1
        ? path(
            [
              [x.place(at), 0],
              [x.place(at), height],
            ],
            '#8c959f',
            { dashes: '4 4' },
          )
        : '',
      text(word, x.place(at) + 5, 15, { colour: pale }),
    ]),
    ...lines.flatMap(({ colour, points, width = 2, dashed, dots }) => {
      const places = points
        .map(([u, v]) => [x.place(u), y.place(v)] as const)
        .filter((place) => place.every(Number.isFinite));
      return [
        path(places, colour, { width, dashes: dashed ? '5 6' : undefined }),
        // A point alone makes no line.
        ...(dots || places.length === 1
          ? places.map(([u, v]) => `<circle cx="${short(u)}" cy="${short(v)}" r="3" fill="${colour}"/>`)
          : []),
      ];
    }),
    path(
      [
        [0, 0],
        [0, height],
        [width, height],
      ],
      pale,
    ),
    text(title, 0, -42),
    legend(lines),
  ];
  return elements
    .filter((element) => element !== '')
    .map((element) => `${element}\n`)
    .join('');
}

/** One text, so that its parts follow each other whatever the letters of the machine. */
function legend(lines: readonly Line[]): string {
  const entries = lines.flatMap(({ name, colour, dashed }) =>
    name === undefined
      ? []
      : `<tspan fill="${colour}">${dashed ? '╍╍' : '━━'}</tspan> <tspan dx="4">${escaped(name)}</tspan>`,
  );
  return entries.length > 0 ? `<text x="0" y="-16">${entries.join('<tspan dx="16"> </tspan>')}</text>` : '';
}

function path(
  places: readonly (readonly [number, number])[],
  colour: string,
  { width = 1, dashes }: { width?: number; dashes?: string | undefined } = {},
): string {
  if (places.length < 2) return '';
  const points = places.map(([u, v]) => `${short(u)},${short(v)}`).join(' ');
  const dashed = dashes ? ` stroke-dasharray="${dashes}"` : '';
  return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="${width}"${dashed}/>`;
}

function text(
  words: string,
  x: number,
  y: number,
  { anchor = 'start', colour = ink }: { anchor?: 'start' | 'middle' | 'end'; colour?: string } = {},
): string {
  if (words === '') return '';
  return `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" fill="${colour}">${escaped(words)}</text>`;
}

const escaped = (words: string) => words.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/** To a tenth of a pixel. */
const short = (place: number) => Number(place.toFixed(1));

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
