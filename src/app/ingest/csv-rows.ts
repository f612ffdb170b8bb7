import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse } from 'csv-parse';
import type { ManifestRow } from './manifest-row.js';
import { mostRowBytes, unreadable } from './manifest-row.js';

/** Rows under a first line with the names of the columns, in UTF-8. A row may have fewer or more cells. */
export async function* csvRows(path: string, delimiter: string): AsyncGenerator<ManifestRow> {
  const options = { columns: true, bom: true, delimiter, skip_empty_lines: true, relax_column_count: true, info: true };
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
  const parser = parse({ ...options, max_record_size: mostRowBytes });
  const file = createReadStream(path);
  file.on('error', (error) => parser.destroy(error)).pipe(parser);
  try {
    for await (const one of parser) {
      const { record, info } = one as { record: Record<string, string>; info: { lines: number; bytes: number } };
      const share = info.bytes / size;
      if (Object.values(record).some((cell) => cell.includes('\ufffd')))
        yield { place: info.lines, cells: {}, share, mistake: 'a line that is not UTF-8' };
      else yield { place: info.lines, cells: record, share };
    }
  } catch (cause) {
    throw unreadable(path, 'a table in CSV, whose first line has the names of its columns', cause);
  } finally {
    file.destroy();
  }
}
