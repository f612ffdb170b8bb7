import { ink } from './label.js';
import { logTicks, roundTicks } from './line-chart.js';

/** How numbers are spread: bars over one axis, stacked by group. */
export interface Histogram {
  title: string;
  groups: { colour: string; values: readonly { value: number; times: number }[] }[];
  /** Numbers at and below `logFrom` share the first bar, the axis is logarithmic from there. Linear when left out. */
  logFrom?: number;
  /** Lines across, with a word. */
  marks?: { x: number; text: string }[];
}

const panel = { width: 600, height: 150 };
const margin = { left: 52, top: 40, right: 20, bottom: 30 };
const bins = 40;
const pale = '#57606a';

/** As an SVG of its own. Numbers that are not finite are left out. */
export function histogram({ title, groups, logFrom, marks = [] }: Histogram): string {
  const bent = (value: number) => (logFrom === undefined ? value : Math.log10(Math.max(value, logFrom)));
  const all = [...groups.flatMap(({ values }) => values.map(({ value }) => value)), ...marks.map(({ x }) => x)].filter(
    Number.isFinite,
  );
  let [low, high] = all.reduce(([a, b], v) => [Math.min(a, bent(v)), Math.max(b, bent(v))], [Infinity, -Infinity]);
  if (all.length === 0) [low, high] = [0, 1];
  if (low === high) {
    // No share and no length is below nothing: neither is the axis.
    const least = logFrom === undefined && low >= 0 ? 0 : Number.NEGATIVE_INFINITY;
    [low, high] = [Math.max(least, low - 0.5), high + 0.5];
  }
  const place = (value: number) => ((bent(value) - low) / (high - low)) * panel.width;
  const binOf = (value: number) => Math.min(bins - 1, Math.floor((place(value) / panel.width) * bins));
  const counts = groups.map(({ values }) => {
    const of = new Array<number>(bins).fill(0);
    for (const { value, times } of values) if (Number.isFinite(value)) of[binOf(value)]! += times;
    return of;
  });
  const tallest = Math.max(1, ...Array.from({ length: bins }, (_, n) => counts.reduce((sum, of) => sum + of[n]!, 0)));
  const up = (count: number) => (count / tallest) * panel.height;
  const bars = Array.from({ length: bins }, (_, n) => {
    let below = 0;
    return groups.map(({ colour }, g) => {
      const count = counts[g]![n]!;
      if (count === 0) return '';
      const top = panel.height - up(below + count);
      below += count;
      const width = panel.width / bins;
      return `<rect x="${short(n * width + 0.5)}" y="${short(top)}" width="${short(width - 1)}" height="${short(Math.max(1, up(count)))}" fill="${colour}"/>`;
    });
  }).flat();
  const ticks = logFrom === undefined ? roundTicks(low, high) : logTicks(10 ** low, 10 ** high);
  const heights = roundTicks(0, tallest).filter(Number.isInteger);
  const size = { width: margin.left + panel.width + margin.right, height: margin.top + panel.height + margin.bottom };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}"`,
    ` font-family="sans-serif" font-size="12" fill="${ink}" role="img" aria-label="${escaped(title)}">`,
    `<g transform="translate(${margin.left} ${margin.top})">`,
    `<text x="0" y="-24" font-weight="600">${escaped(title)}</text>`,
    ...heights.map(
      (count) =>
        `<path d="M0 ${short(panel.height - up(count))}H${panel.width}" stroke="#e1e4e8"/><text x="-7" y="${short(panel.height - up(count) + 4)}" text-anchor="end" fill="${pale}">${count}</text>`,
    ),
    ...bars,
    `<path d="M0 ${panel.height}H${panel.width}" stroke="${pale}"/>`,
    ...ticks.map(
      (value) =>
        `<text x="${short(place(value))}" y="${panel.height + 18}" text-anchor="middle" fill="${pale}">${logFrom !== undefined && value <= logFrom ? '≤ ' : ''}${value}</text>`,
    ),
    ...marks.map(({ x, text }) => {
      const at = place(x);
      const isRight = at > panel.width / 2;
      return `<path d="M${short(at)} -8V${panel.height}" stroke="${ink}" stroke-dasharray="4 4"/><text x="${short(at + (isRight ? -5 : 5))}" y="-2" text-anchor="${isRight ? 'end' : 'start'}">${escaped(text)}</text>`;
    }),
    '</g></svg>',
  ].join('');
}

/** To a tenth of a pixel. */
const short = (value: number) => Number(value.toFixed(1));
const escaped = (words: string) => words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
