import { optionalPackage } from '../../../core/optional-package.js';
import type { Cell, SampleColumn } from './sample-columns.js';
import { asLong, type GroupLimits, RowGroup, type SampleTable } from './sample-table.js';

/** As much of LanceDB as is used here. */
interface LanceDb {
  connect(folder: string): Promise<Connection>;
}
interface Table {
  add(rows: object[]): Promise<unknown>;
  close(): void;
}
interface Connection {
  createTable(name: string, rows: object[], options: { schema: object }): Promise<Table>;
  close(): void;
}

/** As much of Apache Arrow as is used here. */
interface Arrow {
  Utf8: new () => object;
  Int64: new () => object;
  Float64: new () => object;
  Binary: new () => object;
  List: new (field: object) => object;
  Field: new (name: string, type: object, nullable: boolean) => object;
  Schema: new (fields: object[]) => object;
}

/** A Lance dataset while it is written: `samples.lance` in a folder, each group of rows a fragment. */
export class LanceTable implements SampleTable {
  readonly file = 'samples.lance';
  readonly #columns: readonly SampleColumn[];
  readonly #arrow: Arrow;
  readonly #database: Connection;
  readonly #group: RowGroup;
  #table: Table | undefined;

  private constructor(columns: readonly SampleColumn[], arrow: Arrow, database: Connection, group?: GroupLimits) {
    this.#columns = columns;
    this.#arrow = arrow;
    this.#database = database;
    this.#group = new RowGroup(group);
  }

  /** PACKAGE_NOT_INSTALLED without LanceDB or Arrow. */
  static async open(folder: string, columns: readonly SampleColumn[], group?: GroupLimits): Promise<LanceTable> {
    const { connect } = await optionalPackage<LanceDb>('@lancedb/lancedb');
    const arrow = await optionalPackage<Arrow>('apache-arrow');
    return new LanceTable(columns, arrow, await connect(folder), group);
  }

  async add(row: Cell[]): Promise<void> {
    for (const rows of this.#group.add(row)) await this.#write(rows);
  }

  async finish(): Promise<void> {
    for (const rows of this.#group.rest()) await this.#write(rows);
  }

  close(): void {
    this.#table?.close();
    this.#database.close();
  }

  async #write(rows: Cell[][]): Promise<void> {
    const records = rows.map((row) =>
      Object.fromEntries(
        this.#columns.map(({ name, type }, n) => [name, type === 'integer' ? asLong(row[n]!) : row[n]!]),
      ),
    );
    if (this.#table) await this.#table.add(records);
    else this.#table = await this.#database.createTable('samples', records, { schema: this.#schema() });
  }

  #schema(): object {
    const { Field, Schema } = this.#arrow;
    return new Schema(this.#columns.map((column) => new Field(column.name, this.#typeOf(column), true)));
  }

  #typeOf({ type, isList }: SampleColumn): object {
    const { Binary, Field, Float64, Int64, List, Utf8 } = this.#arrow;
    const one = new { text: Utf8, integer: Int64, number: Float64, bytes: Binary }[type]();
    return isList ? new List(new Field('item', one, true)) : one;
  }
}
