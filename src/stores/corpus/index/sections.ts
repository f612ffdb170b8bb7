import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** Named parts of one file: numbers of one kind, or lines of text. */
export type Columns = Record<string, Column>;
export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array | string[];

interface Described {
  name: string;
  kind: keyof typeof kinds;
  bytes: number;
}

const kinds = {
  bytes: (data: ArrayBuffer) => Buffer.from(data),
  uint8: (data: ArrayBuffer) => new Uint8Array(data),
  uint16: (data: ArrayBuffer) => new Uint16Array(data),
  uint32: (data: ArrayBuffer) => new Uint32Array(data),
  float64: (data: ArrayBuffer) => new Float64Array(data),
  lines: (data: ArrayBuffer) => (data.byteLength === 0 ? [] : Buffer.from(data).toString().split('\n')),
};

/** Writes columns one after the other, behind a line that describes them. */
export function writeSections(path: string, columns: Columns): void {
  const parts = Object.entries(columns).map(([name, column]) => {
    const data = Array.isArray(column)
      ? Buffer.from(column.join('\n'))
      : Buffer.from(column.buffer, column.byteOffset, column.byteLength);
    return { data, described: { name, kind: kindOf(column), bytes: data.length } };
  });
  const file = openSync(path, 'w');
  try {
    writeAll(file, Buffer.from(`${JSON.stringify(parts.map(({ described }) => described))}\n`));
    for (const { data } of parts) writeAll(file, data);
  } finally {
    closeSync(file);
  }
}

/** The columns of a file that is as it was written (snapshot.ts). */
export function readSections(path: string): Columns {
  const file = readFileSync(path);
  const start = file.indexOf('\n') + 1;
  const columns: Columns = {};
  let at = start;
  for (const { name, kind, bytes } of JSON.parse(file.toString('utf8', 0, start)) as Described[]) {
    const data = file.subarray(at, at + bytes);
    at += bytes;
    columns[name] = kinds[kind](data.buffer.slice(data.byteOffset, data.byteOffset + bytes));
  }
  return columns;
}

function kindOf(column: Column): Described['kind'] {
  if (Array.isArray(column)) return 'lines';
  if (Buffer.isBuffer(column)) return 'bytes';
  if (column instanceof Uint8Array) return 'uint8';
  if (column instanceof Uint16Array) return 'uint16';
  return column instanceof Uint32Array ? 'uint32' : 'float64';
}

function writeAll(file: number, data: Buffer): void {
  for (let at = 0; at < data.length; ) at += writeSync(file, data, at, Math.min(data.length - at, 2 ** 28));
}
