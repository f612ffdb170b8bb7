import type { EventSpan } from '../../flow/spans.js';
import { Work } from '../../flow/work.js';

/** A consumed event that is being worked on. Aborting it aborts its envelope and all that descends from it. */
export class InFlightEvent extends Work {
  /** The job that it asks for; undefined: it can not be cancelled. */
  readonly job: string | undefined;
  /** By the clock's `elapsed`. */
  readonly since: number;
  /** It has its outcome, which waits for the commit. */
  isSettled = false;
  #ended = false;
  #onEnd: (() => void)[] | undefined;

  constructor(job: string | undefined, since: number, span?: EventSpan) {
    super(span);
    this.job = job;
    this.since = since;
  }

  /** Resolves when its outcome is committed, or this process has given it up for another to do. */
  ended(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEnd ??= [];
      this.#onEnd.push(resolve);
    });
  }

  end(): void {
    this.#ended = true;
    for (const resolve of this.#onEnd ?? []) resolve();
  }
}

/** A job whose request was read, and which has no outcome yet. */
export interface JobInHand {
  job: string;
  state: 'queued' | 'in_progress';
  /** 0 to 1. */
  progress: number;
  /** Since its request was read. */
  seconds: number;
}

/** The requests of one pipeline that have no committed outcome yet, by their jobs: for those who want to cancel one. */
export class InFlight {
  /** A job may have several for a moment: its duplicates. */
  readonly #byJob = new Map<string, Set<InFlightEvent>>();

  add(event: InFlightEvent): void {
    if (event.job === undefined) return;
    const same = this.#byJob.get(event.job);
    if (same) same.add(event);
    else this.#byJob.set(event.job, new Set([event]));
  }

  end(event: InFlightEvent): void {
    const same = event.job === undefined ? undefined : this.#byJob.get(event.job);
    if (same?.delete(event) && same.size === 0) this.#byJob.delete(event.job!);
    event.end();
  }

  find(job: string): InFlightEvent[] {
    return [...(this.#byJob.get(job) ?? [])];
  }

  /** Those that have no outcome, in the order in which they were read. `now`: by the clock's `elapsed`. */
  jobs(now: number): JobInHand[] {
    return [...this.#byJob].flatMap(([job, all]): JobInHand[] => {
      const open = [...all].filter(({ isSettled }) => !isSettled);
      if (open.length === 0) return [];
      const known = open.flatMap(({ progress }) => progress ?? []);
      const seconds = (now - Math.min(...open.map(({ since }) => since))) / 1000;
      return [{ job, state: known.length > 0 ? 'in_progress' : 'queued', progress: Math.max(0, ...known), seconds }];
    });
  }
}
