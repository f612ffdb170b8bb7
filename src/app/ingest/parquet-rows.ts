import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, type SchemaElement } from 'hyparquet';
import type { ManifestRow } from './manifest-row.js';
import { unreadable } from './manifest-row.js';
import { parquetCodecs } from './parquet-codecs.js';

/** Of the columns that are read, in one row group, unpacked: so much is in memory at a time. */
const mostGroupBytes = 1024 ** 3;
const mostGroupRows = 20_000_000;
/** What one read may ask for: the footer, or a column of a row group. */
const mostRead = 512 * 1024 ** 2;

/** The rows of a Parquet file, a row group at a time; of the columns only those whose names, in small letters, are wanted. */
export async function* parquetRows(path: string, wanted: readonly string[]): AsyncGenerator<ManifestRow> {
  const handle = await open(path).catch((cause) => {
    throw unreadable(path, 'a Parquet file', cause);
  });
  try {
    const file = asBuffer(handle, (await handle.stat()).size);
    const metadata = await parquetMetadataAsync(file);
    const columns = textColumns(metadata.schema, wanted);
    const compressors = await parquetCodecs();
    let place = 0;
    const all = Math.max(
      1,
      metadata.row_groups.reduce((sum, one) => sum + Number(one.num_rows), 0),
    );
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows);
      const chunks = group.columns.filter((one) => columns.includes(one.meta_data?.path_in_schema[0] ?? ''));
      const bytes = chunks.reduce((sum, one) => sum + Number(one.meta_data?.total_uncompressed_size ?? 0), 0);
      if (bytes > mostGroupBytes) throw new Error(`a row group of ${bytes} bytes, more than ${mostGroupBytes}`);
      if (rows > mostGroupRows) throw new Error(`a row group of ${rows} rows, more than ${mostGroupRows}`);
      const range = { rowStart: place, rowEnd: place + rows };
      if (columns.length === 0) {
        place += rows;
        yield { place, cells: {}, share: place / all, mistake: 'a table without columns of text that are known here' };
        continue;
      }
      for (const cells of await parquetReadObjects({ file, metadata, compressors, columns, ...range }))
        yield { place: ++place, cells, share: place / all };
    }
  } catch (cause) {
    throw unreadable(path, 'a Parquet file', cause);
  } finally {
    await handle.close();
  }
}

/**
 * Columns of text, of the first level: they follow the root, and a list or a struct has its children behind it. Images and
 * videos themselves are left where they are; a column of bytes that says nothing of itself is text by its name alone.
 */
function textColumns(schema: SchemaElement[], wanted: readonly string[]): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; at++) {
    const { name, type, num_children: children = 0, converted_type: says, logical_type: saysNow } = schema[at]!;
    const isText = says === 'UTF8' || saysNow?.type === 'STRING' || (!says && !saysNow && !/image|video/i.test(name));
    if (children === 0 && type === 'BYTE_ARRAY' && isText && wanted.includes(name.toLowerCase())) names.push(name);
    for (let below = children; below > 0 && at + 1 < schema.length; below--) below += schema[++at]!.num_children ?? 0;
  }
  return names;
}

/** What hyparquet asks for ahead, and may never look at: a read that fails there is nobody's unhandled rejection. */
function asBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice(start, end = byteLength) {
      const reading = bytesBetween(handle, start < 0 ? byteLength + start : start, end, byteLength);
      reading.catch(() => {});
      return reading;
    },
  };
}

async function bytesBetween(handle: FileHandle, from: number, end: number, most: number): Promise<ArrayBuffer> {
  const length = end - from;
  if (!(Number.isInteger(from) && from >= 0 && Number.isInteger(length) && length >= 0 && end <= most))
    throw new Error(`bytes ${from} to ${end} of ${most}: it is damaged`);
  if (length > mostRead) throw new Error(`${length} bytes at once, more than ${mostRead}`);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, length - at, from + at);
    if (bytesRead === 0) throw new Error('it ends too early');
    at += bytesRead;
  }
  return bytes.buffer;
}
