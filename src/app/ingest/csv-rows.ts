import { type CsvError, type Options, parse } from 'csv-parse';
import type { ManifestRow } from './manifest-row.js';
import { mostRowBytes, needed, unreadable } from './manifest-row.js';
import { openManifestText } from './manifest-text.js';

/**
 * Tables as spreadsheets and people write them: a quotation mark inside of a cell that does not begin with one is a letter, and
 * spaces around the names of columns are none of theirs.
 */
export const csvFormat = {
  columns: (names: string[]) => names.map((name) => name.trim()),
  bom: true,
  relax_quotes: true,
  skip_empty_lines: true,
  relax_column_count: true,
} satisfies Options;

/** Why a row is not used that has text behind its last column: a caption with a comma and without quotes, that would be cut. */
export const tooManyCells = 'a row with more cells than the first line names: quote texts with commas';

interface RowInfo {
  error?: CsvError | undefined;
}

/** Whether it is such a row, by what the parser tells of it. Empty cells at its end are none. */
export function hasTooManyCells({ error }: RowInfo, columns: number): boolean {
  const cells = error?.code === 'CSV_RECORD_INCONSISTENT_COLUMNS' ? (error.record as unknown[]) : [];
  return cells.slice(columns).some((cell) => cell !== '');
}

/**
 * Rows under a first line with the names of the columns, in UTF-8; one of `address` must be among them. A row may have fewer
 * cells. What stands before a place at which nothing more can be read is given before it fails.
 */
export async function* csvRows(
  path: string,
  delimiter: string,
  address: readonly string[],
): AsyncGenerator<ManifestRow> {
  const { chunks, share } = await openManifestText(path);
  let rows: ManifestRow[] = [];
  let columns = 0;
  let line = 1;
  // The parser counts a line twice that ends within a cell with CR and LF.
  let twice = 0;
  const parser = parse({
    ...csvFormat,
    columns(names: string[]) {
      const trimmed = csvFormat.columns(names);
      needed(path, address, trimmed);
      columns = trimmed.length;
      line = 2;
      return trimmed;
    },
    delimiter,
    max_record_size: mostRowBytes,
    // As soon as it is read: what the parser holds is lost when it fails.
    on_record(cells: Record<string, string>, info: RowInfo & { lines: number; bytes: number }) {
      const { lines, bytes } = info;
      const isText = !Object.values(cells).some((cell) => cell.includes('\ufffd'));
      const mistake = isText ? (hasTooManyCells(info, columns) ? tooManyCells : null) : 'a line that is not UTF-8';
      twice += Object.values(cells).reduce((sum, cell) => sum + cell.split('\r\n').length - 1, 0);
      const of = { place: lines - twice, share: share(bytes) };
      rows.push(mistake === null ? { ...of, cells } : { ...of, cells: {}, mistake });
      line = of.place + 1;
      return null;
    },
  });
  parser.resume();
  // Whoever writes to it hears of it.
  parser.on('error', () => {});
  try {
    for await (const chunk of chunks) {
      await taken((done) => parser.write(chunk, done));
      const ready = rows;
      rows = [];
      yield* ready;
    }
    await taken((done) => {
      parser.once('error', done);
      parser.end(done);
    });
    // It has no first line.
    if (columns === 0) needed(path, address, []);
    yield* rows;
  } catch (cause) {
    yield* rows;
    throw unreadable(`${path}:${line}`, 'a table in CSV, whose first line has the names of its columns', why(cause));
  } finally {
    parser.destroy();
  }
}

function taken(work: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
}

/** A quote that nobody closes takes all that comes after it into its cell, until that is too long or the table ends. */
function why(cause: unknown): unknown {
  const code = (cause as { code?: unknown }).code;
  const isOpen = code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE';
  return isOpen ? new Error('a row that does not end: a quote (") that is opened and not closed', { cause }) : cause;
}
