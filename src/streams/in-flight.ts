/** A consumed event that is being worked on. */
export interface InFlightEvent {
  id: string;
  /** Aborts its envelope and all that descends from it. */
  abort: AbortController;
  /** Resolves when its fate is committed, or this process has given it up for another to do. */
  ended: Promise<void>;
}

/** The events of one pipeline that have no committed fate yet, by id: for those who want to cancel one. */
export class InFlight {
  readonly #byId = new Map<string, Set<InFlightEvent>>();

  /** Notes an event; the returned function ends it. */
  add(id: string, abort: AbortController): { end(): void } {
    let resolve = () => {};
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    const event: InFlightEvent = { id, abort, ended };
    const same = this.#byId.get(id);
    if (same) same.add(event);
    else this.#byId.set(id, new Set([event]));
    return {
      end: () => {
        const all = this.#byId.get(id);
        all?.delete(event);
        if (all?.size === 0) this.#byId.delete(id);
        resolve();
      },
    };
  }

  /** More than one when an id was sent twice. */
  find(id: string): InFlightEvent[] {
    return [...(this.#byId.get(id) ?? [])];
  }
}
