import { TextDecoder } from 'node:util';
import type { ManifestRow } from './manifest-row.js';
import { mostRowBytes, unreadable } from './manifest-row.js';
import { openManifestText } from './manifest-text.js';

const newline = 10;

/** An object on each line, in UTF-8; empty lines do not count. */
export async function* jsonlRows(path: string): AsyncGenerator<ManifestRow> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let place = 0;
  let bytes = 0;
  const manifest = await openManifestText(path);
  for await (const line of linesOf(manifest.chunks, path)) {
    place++;
    bytes += line.length + 1;
    const share = manifest.share(bytes);
    let text: string;
    try {
      text = utf8.decode(line);
    } catch {
      yield { place, cells: {}, share, mistake: 'a line that is not UTF-8' };
      continue;
    }
    if (text.trim() !== '') yield { place, share, ...rowOf(text) };
  }
}

function rowOf(text: string): Pick<ManifestRow, 'cells' | 'mistake'> {
  try {
    const cells: unknown = JSON.parse(text);
    if (typeof cells === 'object' && cells !== null && !Array.isArray(cells))
      return { cells: cells as ManifestRow['cells'] };
  } catch {
    // It is told below.
  }
  return { cells: {}, mistake: 'a line that is not a JSON object' };
}

/** MANIFEST_UNREADABLE for a line that is too long to be held. */
async function* linesOf(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  const expected = `lines of at most ${mostRowBytes} bytes`;
  let parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of chunks) {
      let from = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
        yield Buffer.concat([...parts, chunk.subarray(from, end)]);
        parts = [];
        length = 0;
        from = end + 1;
      }
      parts.push(chunk.subarray(from));
      length += chunk.length - from;
      if (length > mostRowBytes) throw new Error('a longer one');
    }
  } catch (cause) {
    throw unreadable(path, expected, cause);
  }
  if (length > 0) yield Buffer.concat(parts);
}
