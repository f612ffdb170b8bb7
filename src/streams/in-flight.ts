import type { VimiError } from '../errors.js';

/** A consumed event that is being worked on. */
export class InFlightEvent {
  readonly id: string;
  /** By the clock's `elapsed`. */
  readonly since: number;
  /** Made for who asks: it costs more than a small step does, and most events are never aborted. */
  #controller: AbortController | undefined;
  #reason: VimiError | undefined;
  #ended = false;
  #onEnd: (() => void)[] | undefined;

  constructor(id: string, since: number) {
    this.id = id;
    this.since = since;
  }

  get isAborted(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Aborts its envelope and all that descends from it; the first reason counts. */
  abort(reason: VimiError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }

  /** Resolves when its fate is committed, or this process has given it up for another to do. */
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

/** The events of one pipeline that have no committed fate yet, by id: for those who want to cancel one. */
export class InFlight {
  /** One event, but for ids that were sent twice. */
  readonly #byId = new Map<string, InFlightEvent | InFlightEvent[]>();

  add(event: InFlightEvent): void {
    const same = this.#byId.get(event.id);
    if (same === undefined) this.#byId.set(event.id, event);
    else this.#byId.set(event.id, Array.isArray(same) ? [...same, event] : [same, event]);
  }

  end(event: InFlightEvent): void {
    const known = this.#byId.get(event.id);
    if (known === event) this.#byId.delete(event.id);
    else if (Array.isArray(known)) {
      const others = known.filter((one) => one !== event);
      if (others.length === 0) this.#byId.delete(event.id);
      else this.#byId.set(event.id, others);
    }
    event.end();
  }

  find(id: string): InFlightEvent[] {
    const found = this.#byId.get(id);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }
}
