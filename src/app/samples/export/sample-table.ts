import type { Cell } from './sample-columns.js';

/** A table of samples while it is written. */
export interface SampleTable {
  /** What is made in the folder. */
  readonly file: string;
  /** Cells in the order of the columns. */
  add(row: Cell[]): void | Promise<void>;
  finish(): void | Promise<void>;
  /** Lets go of what is open, also of what is half written. */
  close(): void;
}

/** When a group of rows is written. */
export interface GroupLimits {
  rows: number;
  /** Of its cells; a larger row makes a group of its own. */
  bytes: number;
}

const usual: GroupLimits = { rows: 10_000, bytes: 64 * 1024 * 1024 };

/** Collects rows to groups: one group is in memory. */
export class RowGroup {
  readonly #limits: GroupLimits;
  #rows: Cell[][] = [];
  #bytes = 0;

  constructor(limits: GroupLimits = usual) {
    this.#limits = limits;
  }

  /** The groups that are full with this row: none, one, or two. */
  *add(row: Cell[]): Generator<Cell[][]> {
    const bytes = row.reduce<number>((sum, cell) => sum + sizeOf(cell), 0);
    if (this.#rows.length > 0 && this.#bytes + bytes > this.#limits.bytes) yield this.#take();
    this.#rows.push(row);
    this.#bytes += bytes;
    if (this.#rows.length >= this.#limits.rows) yield this.#take();
  }

  *rest(): Generator<Cell[][]> {
    if (this.#rows.length > 0) yield this.#take();
  }

  #take(): Cell[][] {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    return rows;
  }
}

function sizeOf(cell: Cell): number {
  if (typeof cell === 'number') return 8;
  if (Array.isArray(cell)) return cell.reduce<number>((sum, one) => sum + sizeOf(one), 8);
  return cell.length;
}

/** Whole numbers as tables hold them, in 64 bits. */
export function asLong(cell: Cell): bigint | bigint[] {
  return Array.isArray(cell) ? cell.map(BigInt) : BigInt(cell as number);
}
