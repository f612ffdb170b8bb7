/**
 * What a process does with a partition that it was given:
 * taking over  the steps hear of it before its first event comes
 * taking       records are admitted
 * draining     nothing more is admitted; what is in flight is worked on and committed
 * sealing      the topic is at its end: what the steps still hold is finished and committed
 * given up     nothing is committed any more; the next owner does again what was not
 * fenced       the same, because there is another owner already
 */
export type PartitionStateName = 'taking over' | 'taking' | 'draining' | 'sealing' | 'given up' | 'fenced';

const ways: Record<PartitionStateName, readonly PartitionStateName[]> = {
  'taking over': ['taking', 'draining', 'given up', 'fenced'],
  taking: ['draining', 'given up', 'fenced'],
  draining: ['sealing', 'given up', 'fenced'],
  sealing: ['given up', 'fenced'],
  'given up': [],
  fenced: [],
};

/** The state of a partition. It only goes forward. */
export class PartitionState {
  #name: PartitionStateName = 'taking over';
  readonly #admitting = new AbortController();
  readonly #committing = new AbortController();

  get name(): PartitionStateName {
    return this.#name;
  }

  /** Whether records may (still) be admitted. */
  get admits(): boolean {
    return !this.#admitting.signal.aborted;
  }

  /** Given up or fenced. */
  get isOver(): boolean {
    return this.#committing.signal.aborted;
  }

  /** Aborts when nothing more is admitted. */
  get admitting(): AbortSignal {
    return this.#admitting.signal;
  }

  /** Aborts when nothing more is committed. */
  get committing(): AbortSignal {
    return this.#committing.signal;
  }

  /** Goes on to another state. False, and nothing happens, where no way leads there: it is there already, or past it. */
  enter(name: PartitionStateName): boolean {
    if (!ways[this.#name].includes(name)) return false;
    this.#name = name;
    if (ways[name].length === 0) this.#committing.abort();
    if (name !== 'taking') this.#admitting.abort();
    return true;
  }
}
