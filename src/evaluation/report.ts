import { markdownTable } from '../core/markdown-table.js';
import type { RgbImage, RgbVideo } from '../models/ports.js';
import type { Measured } from './metrics/interval.js';

/** `share` is printed in per cent. */
export type Cell = string | number | { share: Measured } | { value: Measured; digits: number };

export interface Table {
  title: string;
  columns: string[];
  rows: Cell[][];
}

/** What an evaluation hands over. Whoever ran it adds the command, the date and the machine, and writes the files. */
export interface Report {
  title: string;
  /** What its means are over; videos when left out. */
  over?: string;
  /** Sentences that stand before the tables. */
  notes: string[];
  tables: Table[];
  /** One record a generated video: everything that the tables are made of. */
  records: Record<string, unknown>[];
  sheets: Sheet[];
}

/** One page of images: rows of a label and its images. */
export interface Sheet {
  name: string;
  rows: { label: string; images: RgbImage[] }[];
}

/** The tables as Markdown: a mean with its interval, or `-` where nothing could be measured. */
export function markdown({ title, over = 'videos', notes, tables }: Report, facts: Record<string, unknown>): string {
  const lines = [`# ${title}`, '', ...notes.flatMap((note) => [note, ''])];
  for (const table of tables) {
    lines.push(`## ${table.title}`, '');
    lines.push(
      markdownTable(
        table.columns,
        table.rows.map((row) => row.map(cellText)),
      ),
      '',
    );
  }
  lines.push(`Brackets: 95 % intervals by bootstrap over ${over}; at 0 and 100 % the exact bound.`, '');
  for (const [name, value] of Object.entries(facts))
    lines.push(`- ${name}: ${typeof value === 'string' ? value : `\`${JSON.stringify(value)}\``}`);
  return `${lines.join('\n')}\n`;
}

function cellText(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number') return Number.isNaN(cell) ? '-' : String(cell);
  const [{ mean, low, high, n }, scale, digits] = 'share' in cell ? [cell.share, 100, 0] : [cell.value, 1, cell.digits];
  if (n === 0) return '-';
  const text = (value: number) => (value * scale).toFixed(digits);
  if (Number.isNaN(low)) return text(mean);
  return `${text(mean)}${'share' in cell ? ' %' : ''} [${text(low)}, ${text(high)}]`;
}

/** At most `most` frames of a video, evenly from the first to the last. */
export function someFrames({ frames, width, height, data }: RgbVideo, most: number): RgbImage[] {
  const size = width * height * 3;
  const count = Math.min(frames, most);
  return Array.from({ length: count }, (_, i) => {
    const t = count === 1 ? 0 : Math.round((i * (frames - 1)) / (count - 1));
    return { width, height, data: data.subarray(t * size, (t + 1) * size) };
  });
}
