import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { Cell, SampleColumn } from './sample-columns.js';

/** When a row group is written. */
export interface GroupLimits {
  rows: number;
  /** Of its cells; a larger row makes a group of its own. */
  bytes: number;
}

const usualGroup: GroupLimits = { rows: 10_000, bytes: 64 * 1024 * 1024 };

/** A Parquet file while it is written, a row group at a time: one group is in memory. The same rows give the same bytes. */
export class ParquetTable {
  readonly #columns: readonly SampleColumn[];
  readonly #group: GroupLimits;
  readonly #writer: ParquetWriter;
  #rows: Cell[][] = [];
  #bytes = 0;

  /** Writes at once, and fails as the system does. */
  constructor(path: string, columns: readonly SampleColumn[], group: GroupLimits = usualGroup) {
    this.#columns = columns;
    this.#group = group;
    this.#writer = new ParquetWriter({ writer: fileWriter(path), schema: schemaOf(columns), createdBy: 'vimi' });
  }

  /** Cells in the order of the columns. */
  add(row: Cell[]): void {
    const bytes = row.reduce<number>((sum, cell) => sum + sizeOf(cell), 0);
    if (this.#rows.length > 0 && this.#bytes + bytes > this.#group.bytes) this.#write();
    this.#rows.push(row);
    this.#bytes += bytes;
    if (this.#rows.length >= this.#group.rows) this.#write();
  }

  finish(): void {
    if (this.#rows.length > 0) this.#write();
    this.#writer.finish();
  }

  #write(): void {
    const rows = this.#rows;
    const columnData = this.#columns.map(({ name, type, isList }, n): ColumnSource => {
      const isLong = type === 'integer';
      const value = (cell: Cell) => (isLong ? asLong(cell) : cell);
      return {
        ...{ name, data: rows.map((row) => value(row[n]!)) },
        // What is compressed already, and large.
        ...(type === 'bytes' && { codec: 'UNCOMPRESSED', encoding: 'PLAIN', statistics: false }),
        ...(isList && { statistics: false }),
      };
    });
    this.#writer.write({ columnData, rowGroupSize: rows.length });
    this.#rows = [];
    this.#bytes = 0;
  }
}

function asLong(cell: Cell): bigint | bigint[] {
  return Array.isArray(cell) ? cell.map(BigInt) : BigInt(cell as number);
}

function sizeOf(cell: Cell): number {
  if (typeof cell === 'number') return 8;
  if (Array.isArray(cell)) return cell.reduce<number>((sum, one) => sum + sizeOf(one), 8);
  return cell.length;
}

function schemaOf(columns: readonly SampleColumn[]): SchemaElement[] {
  const types = {
    text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    integer: { type: 'INT64' },
    number: { type: 'DOUBLE' },
    bytes: { type: 'BYTE_ARRAY' },
  } as const;
  const required = { repetition_type: 'REQUIRED' } as const;
  return [
    { name: 'root', num_children: columns.length },
    ...columns.flatMap(({ name, type, isList }): SchemaElement[] =>
      isList
        ? [
            { name, ...required, converted_type: 'LIST', num_children: 1 },
            { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
            { name: 'element', ...required, ...types[type] },
          ]
        : [{ name, ...required, ...types[type] }],
    ),
  ];
}
