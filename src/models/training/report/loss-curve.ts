import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Line, type LineChart, lineCharts } from '../../../media/drawing/line-chart.js';
import type { ProbeLine, RunLog, StepLine } from './run-log.js';

/** Writes loss.svg: the loss by step, and where there are probes the last of them by noise level. */
export async function drawLossCurve(
  folder: string,
  { steps, probes }: Pick<RunLog, 'steps' | 'probes'>,
): Promise<void> {
  const charts = [lossChart(steps), ...(probes.length > 0 ? [probeChart(probes)] : [])];
  await writeFile(join(folder, 'loss.svg'), lineCharts(charts));
}

/** Points of a line: more than the image has pixels are nothing but a large file. */
const mostPoints = 500;

/** Each step faintly, and a moving mean that does not reach over a border: the parts of a recipe have their own losses. */
export function lossChart(steps: readonly StepLine[]): LineChart {
  const parts: StepLine[][] = [];
  for (const line of steps) {
    const part = parts.at(-1);
    if (part?.[0]?.stage === line.stage) part.push(line);
    else parts.push([line]);
  }
  const window = Math.max(1, Math.ceil(steps.length / 50));
  const lines: Line[] = [];
  for (const [i, part] of parts.entries()) {
    const points = part.flatMap(({ step, loss }) => (loss === null ? [] : [[step, loss] as const]));
    const name = (text: string) => (i === 0 ? { name: text } : {});
    if (window > 1)
      lines.push({ colour: '#b6d4f5', width: 1, points: extremes(points, mostPoints), ...name('each step') });
    lines.push({
      colour: '#0550ae',
      points: thinned(movingMean(points, window), mostPoints),
      ...name(window > 1 ? `mean of ${window} steps` : 'each step'),
    });
  }
  return {
    title: 'diffusion loss by step',
    x: { label: 'step', from: 0 },
    y: { log: true },
    lines: [...lines.filter(({ width }) => width === 1), ...lines.filter(({ width }) => width !== 1)],
    borders:
      parts.length > 1 ? parts.map((part) => ({ x: part[0]!.step - 1, text: `part ${part[0]!.stage + 1}` })) : [],
  };
}

/** What matters most lies on top. */
const told = [
  { of: 'nothing', name: 'nothing', colour: '#6e7781' },
  { of: 'wrong', name: 'wrong', colour: '#cf222e' },
  { of: 'wrongImages', name: 'wrong images', colour: '#bf8700' },
  { of: 'right', name: 'right', colour: '#1a7f37' },
] as const;

/** The last probes by noise level, and how the right prompt did at the first ones. */
export function probeChart(probes: readonly ProbeLine[]): LineChart {
  const [first, last] = [probes[0]!, probes.at(-1)!];
  const points = (line: ProbeLine, of: string) =>
    line.probes.map((probe) => [probe.sigma ?? Number.NaN, probe[of] ?? Number.NaN] as const);
  const before: Line[] =
    first === last
      ? []
      : [
          {
            name: `right at step ${first.step}`,
            colour: '#1a7f37',
            width: 1,
            dashed: true,
            points: points(first, 'right'),
          },
        ];
  return {
    title: `held-out loss by noise level and prompt, step ${last.step}`,
    x: { label: 'sigma', log: true, ticks: last.probes.flatMap(({ sigma }) => sigma ?? []) },
    y: { log: true },
    lines: [...told.map(({ of, name, colour }) => ({ name, colour, dots: true, points: points(last, of) })), ...before],
  };
}

type Points = readonly (readonly [number, number])[];

/** The mean of up to `window` points around each. */
export function movingMean(points: Points, window: number): [number, number][] {
  const sums = [0];
  for (const [, y] of points) sums.push(sums.at(-1)! + y);
  return points.map(([x], i) => {
    const from = Math.max(0, i - Math.floor((window - 1) / 2));
    const to = Math.min(points.length, i + Math.floor(window / 2) + 1);
    return [x, (sums[to]! - sums[from]!) / (to - from)];
  });
}

/** Every n-th point, and the last. */
function thinned(points: Points, most: number): Points {
  const n = Math.ceil(points.length / most);
  return points.filter((_, i) => i % n === 0 || i === points.length - 1);
}

/** The lowest and the highest of each run of points, so that no peak is lost. */
function extremes(points: Points, most: number): Points {
  const n = Math.ceil((2 * points.length) / most);
  if (n <= 2) return points;
  const out: (readonly [number, number])[] = [];
  for (let from = 0; from < points.length; from += n) {
    const byHeight = points.slice(from, from + n).toSorted(([, a], [, b]) => a - b);
    const [lowest, highest] = [byHeight[0]!, byHeight.at(-1)!];
    out.push(...(lowest[0] < highest[0] ? [lowest, highest] : [highest, lowest]));
  }
  return out;
}
