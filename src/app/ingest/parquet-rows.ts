import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, type SchemaElement } from 'hyparquet';
import type { ManifestRow } from './manifest-row.js';
import { needed, unreadable } from './manifest-row.js';
import { parquetCodecs } from './parquet-codecs.js';

/** Of the columns that are read, in one row group, unpacked: so much is in memory at a time. */
const mostGroupBytes = 1024 ** 3;
const mostGroupRows = 20_000_000;
/** What one read may ask for: the footer, or a column of a row group. */
const mostRead = 512 * 1024 ** 2;
/** Its mark at both ends, and the size of the footer. */
const leastBytes = 12;

/**
 * The rows of a Parquet file, a row group at a time; of the columns only those whose names, in small letters, are wanted. One of
 * `address` must be among them.
 */
export async function* parquetRows(
  path: string,
  wanted: readonly string[],
  address: readonly string[],
): AsyncGenerator<ManifestRow> {
  const handle = await open(path).catch((cause) => {
    throw unreadable(path, 'a Parquet file', cause);
  });
  try {
    const { size } = await handle.stat();
    if (size < leastBytes) throw new Error(`a file of ${size} bytes`);
    const file = asBuffer(handle, size);
    const metadata = await parquetMetadataAsync(file);
    const all = columnsOf(metadata.schema);
    const texts = all.filter(({ holds }) => holds === 'text').map(({ name }) => name);
    needed(
      path,
      address,
      texts,
      all.map(({ name }) => name),
    );
    const isRead = ({ name, holds }: Column) =>
      holds !== 'other' &&
      wanted.includes(name.toLowerCase()) &&
      (holds === 'text' || !address.includes(name.toLowerCase()));
    const columns = all.filter(isRead).map(({ name }) => name);
    const compressors = await parquetCodecs();
    let place = 0;
    const rowsOfAll = Math.max(
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
      for (const cells of await parquetReadObjects({ file, metadata, compressors, columns, ...range })) {
        const of = { place: ++place, share: place / rowsOfAll };
        yield Object.values(cells).some(isNoUtf8)
          ? { ...of, cells: {}, mistake: 'a row that is not UTF-8' }
          : { ...of, cells };
      }
    }
  } catch (cause) {
    throw unreadable(path, 'a Parquet file', cause);
  } finally {
    await handle.close();
  }
}

interface Column {
  name: string;
  /** `other` is left where it is: images and videos themselves, structs, lists of what is no text. */
  holds: 'text' | 'texts' | 'plain' | 'other';
}

const plain = new Set<unknown>(['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE']);

/** Columns of the first level: they follow the root, and a list or a struct has its children behind it. */
function columnsOf(schema: SchemaElement[]): Column[] {
  const columns: Column[] = [];
  for (let at = 1; at < schema.length; at++) {
    const column = schema[at]!;
    const from = at + 1;
    for (let below = column.num_children ?? 0; below > 0 && at + 1 < schema.length; below--)
      below += schema[++at]!.num_children ?? 0;
    const inside = schema.slice(from, at + 1);
    const leaves = inside.filter(({ num_children: children = 0 }) => children === 0);
    const isTexts = isKind(column, 'LIST') && inside.length <= 2 && leaves.length === 1 && isText(leaves[0]!);
    const isOne = inside.length === 0 && column.repetition_type !== 'REPEATED';
    const holds =
      isOne && isText(column) ? 'text' : isOne && plain.has(column.type) ? 'plain' : isTexts ? 'texts' : 'other';
    columns.push({ name: column.name, holds });
  }
  return columns;
}

/** A column of bytes that says nothing of itself is text by its name alone. */
function isText(column: SchemaElement): boolean {
  if (column.type !== 'BYTE_ARRAY') return false;
  if (isKind(column, 'UTF8') || isKind(column, 'STRING')) return true;
  return !column.converted_type && !column.logical_type && !/image|video/i.test(column.name);
}

function isKind({ converted_type: says, logical_type: saysNow }: SchemaElement, kind: string): boolean {
  return says === kind || saysNow?.type === kind;
}

/** The reader puts this in the place of bytes that are none. */
function isNoUtf8(cell: unknown): boolean {
  return typeof cell === 'string' ? cell.includes('\ufffd') : Array.isArray(cell) && cell.some(isNoUtf8);
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
