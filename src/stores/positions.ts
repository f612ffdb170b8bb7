/** Where a record stands in its topic. */
export interface Placed {
  partition: number;
  offset: number;
}

/** How far a view has read each partition of a topic. */
export class Positions {
  #next: Record<number, number> = {};

  /** The next offset that is wanted of each partition. */
  get next(): Record<number, number> {
    return { ...this.#next };
  }

  /**
   * Takes records in; passes over those that it has. When one cannot be taken nothing has moved: all of them are to be given
   * again. `together` makes one change of what `take` does.
   */
  advance<R extends Placed>(
    records: readonly R[],
    take: (record: R) => void,
    together: (work: () => void) => void = (work) => work(),
  ): void {
    const reached = this.next;
    together(() => {
      for (const record of records) {
        if (record.offset < (reached[record.partition] ?? 0)) continue;
        reached[record.partition] = record.offset + 1;
        take(record);
      }
    });
    this.#next = reached;
  }
}
