import type { EventSpan } from '../../flow/spans.js';
import { Work } from '../../flow/work.js';

/** A consumed event that is being worked on. Aborting it aborts its envelope and all that descends from it. */
export class InFlightEvent extends Work {
  /** The job that it asks for; undefined: it can not be cancelled. */
  readonly job: string | undefined;
  /** By the clock's `elapsed`. */
  readonly since: number;
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
}
