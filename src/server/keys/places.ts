import { VimiError } from '../../core/errors.js';

/** Who takes places: all keys of one name. */
export interface Tenant {
  /** The source of its requests. */
  source: string;
  /** Whether keys of other names exist: then it has a share of what all callers have together. */
  shares: boolean;
}

/** Places of which there are `most`: those taken, and those that one tenant has of them. */
export interface Taken {
  most: number;
  all: number;
  own: number;
}

/**
 * How many more places a tenant may take. Where others have keys too, it leaves as many free as it has: one that wants all gets half
 * of them, two get a third each, and whoever comes next finds some.
 */
export function roomFor({ most, all, own }: Taken, { shares }: Pick<Tenant, 'shares'>): number {
  return most - all - (shares ? own : 0);
}

/** What callers hold for a while in this process, such as open streams. */
export class Places {
  readonly #most: number;
  readonly #own = new Map<string, number>();
  #all = 0;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  taken({ source }: Pick<Tenant, 'source'>): Taken {
    return { most: this.#most, all: this.#all, own: this.#own.get(source) ?? 0 };
  }

  /** Takes a place; gives what to call, once, when it is free again. undefined: there is none for this caller. */
  enter(caller: Tenant): (() => void) | undefined {
    const { source } = caller;
    const { own, ...rest } = this.taken(caller);
    if (roomFor({ own, ...rest }, caller) <= 0) return undefined;
    this.#own.set(source, own + 1);
    this.#all++;
    return () => {
      const left = this.#own.get(source)! - 1;
      if (left > 0) this.#own.set(source, left);
      else this.#own.delete(source);
      this.#all--;
    };
  }
}

/** All places are taken, or a tenant has its share. */
export class NoPlace extends VimiError {
  readonly places: string;
  readonly most: number;

  /** `places`: of what, in the plural. */
  constructor(code: 'QUEUE_FULL' | 'STREAMS_FULL', places: string, { most, all, own }: Taken, remedy?: string) {
    const isFull = all >= most;
    super(code, isFull ? `There are too many ${places}` : `This tenant has its share of ${places}`, {
      expected: isFull ? `fewer than ${most}` : 'no more of one tenant than there are free places',
      found: isFull ? String(all) : `${own} of this tenant, and ${most - all} of ${most} places free`,
      ...(remedy !== undefined && { remedy }),
    });
    this.places = places;
    this.most = most;
  }
}
