import { join } from 'node:path';
import { type ColumnSource, fileWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { Cell, SampleColumn } from './sample-columns.js';
import { asLong, type GroupLimits, RowGroup, type SampleTable } from './sample-table.js';

/** A Parquet file while it is written, a row group at a time: one group is in memory. The same rows give the same bytes. */
export class ParquetTable implements SampleTable {
  readonly file = 'samples.parquet';
  readonly #columns: readonly SampleColumn[];
  readonly #group: RowGroup;
  readonly #writer: ParquetWriter;

  /** Writes at once, and fails as the system does. */
  constructor(folder: string, columns: readonly SampleColumn[], group?: GroupLimits) {
    this.#columns = columns;
    this.#group = new RowGroup(group);
    this.#writer = new ParquetWriter({
      writer: fileWriter(join(folder, this.file)),
      schema: schemaOf(columns),
      createdBy: 'vimi',
    });
  }

  add(row: Cell[]): void {
    for (const rows of this.#group.add(row)) this.#write(rows);
  }

  finish(): void {
    for (const rows of this.#group.rest()) this.#write(rows);
    this.#writer.finish();
  }

  /** The writer has its file open only while it writes. */
  close(): void {}

  #write(rows: Cell[][]): void {
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
  }
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
