import { asVimiError } from '../../core/errors.js';
import { Share, SharedTime } from './shared-time.js';

/*
 * Continuous batching: videos that are drawn at once meet at each step border. Each asks for its next step, steps of the same
 * shape run as one batch, and all go on to the next border. So a video joins the others between two of their steps, and leaves
 * them when it is done, fails or is cancelled; nobody waits for a batch to fill or to end.
 */

/** One run of a network that a video asks for. Those with the same key may run as one. */
export interface Pass<I, O> {
  key: string;
  input: I;
  /** Of some inputs with this key; the results in their order. No input changes what comes of another. */
  run(inputs: I[]): Promise<O[]>;
}

/** The place of one video among those that are drawn at once. */
export interface Seat {
  /** The results of a step's passes, in their order. */
  ask<I, O>(passes: Pass<I, O>[]): Promise<O[]>;
  /** It asks for nothing for now: the others no longer wait for it. */
  rest(): void;
  /** It is done. Gives the milliseconds that went into it: its part of each batch, and of the time between two of its steps. */
  leave(): number;
}

export interface RoundsOptions {
  /** Videos in one batch at most; 1 when left out. */
  most?: number;
  /** The memory was too small for a batch, which runs again in parts: from now on so many are one at most. */
  onFewer?(most: number): void;
  /** Milliseconds. */
  now?(): number;
}

/** Where the videos meet that one model draws at once. */
export class Rounds {
  /** Videos in one batch at most. */
  most: number;
  readonly #onFewer: (most: number) => void;
  readonly #now: () => number;
  readonly #time: SharedTime;
  /** Those that are between two of their steps; a turn waits until all of them have asked. */
  readonly #present = new Map<Place, Asked | null>();
  #isBusy = false;
  readonly #alone: (() => void)[] = [];

  constructor({ most = 1, onFewer = () => {}, now = () => performance.now() }: RoundsOptions = {}) {
    this.most = most;
    this.#onFewer = onFewer;
    this.#now = now;
    this.#time = new SharedTime(now);
  }

  /** The video is at work from now on, except while it waits for its next step. */
  seat(): Seat {
    const place = { spentMs: 0, work: new Share() };
    this.#time.begin(place.work);
    const rest = () => {
      this.#present.delete(place);
      this.#next();
    };
    return {
      ask: <I, O>(passes: Pass<I, O>[]) => this.#ask(place, passes as AnyPass[]) as Promise<O[]>,
      rest,
      leave: () => {
        rest();
        this.#time.end(place.work);
        return place.work.ms;
      },
    };
  }

  /** Does something else with the model, between two turns. */
  async between<R>(work: () => Promise<R>): Promise<R> {
    if (this.#isBusy) await new Promise<void>((resolve) => this.#alone.push(resolve));
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#free();
    }
  }

  #ask(place: Place, passes: AnyPass[]): Promise<unknown[]> {
    // Who comes later owes nobody the time that the others have had.
    if (!this.#present.has(place)) {
      const others = [...this.#present.keys()].map(({ spentMs }) => spentMs);
      if (others.length > 0) place.spentMs = Math.max(place.spentMs, Math.min(...others));
    }
    this.#time.end(place.work);
    return new Promise((resolve, reject) => {
      this.#present.set(place, { place, passes, results: [], resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#isBusy || this.#present.size === 0) return;
    const asked: Asked[] = [];
    for (const one of this.#present.values()) {
      if (!one) return;
      asked.push(one);
    }
    this.#isBusy = true;
    void this.#turn(this.#chosen(asked)).then(() => this.#free());
  }

  #free(): void {
    this.#isBusy = false;
    const alone = this.#alone.shift();
    if (!alone) {
      this.#next();
      return;
    }
    this.#isBusy = true;
    alone();
  }

  /**
   * The video that has had the least of the model's time, and those that can run with it: videos of unlike shapes share the time
   * evenly, however long their steps are.
   */
  #chosen(asked: readonly Asked[]): Asked[] {
    const byTime = asked.toSorted((a, b) => a.place.spentMs - b.place.spentMs);
    const keys = new Set(byTime[0]!.passes.map(({ key }) => key));
    const fitting = byTime.filter(({ passes }) => passes.some(({ key }) => keys.has(key))).slice(0, this.most);
    return asked.filter((one) => fitting.includes(one));
  }

  async #turn(chosen: readonly Asked[]): Promise<void> {
    const byKey = new Map<string, Part[]>();
    for (const of of chosen)
      for (const [n, pass] of of.passes.entries())
        byKey.set(pass.key, [...(byKey.get(pass.key) ?? []), { of, n, pass }]);
    for (const parts of byKey.values()) {
      // The branches of one video's guidance make no larger batches than the videos that share their shape.
      const videos = new Set(parts.map(({ of }) => of)).size;
      for (let at = 0; at < parts.length; at += videos) await this.#run(parts.slice(at, at + videos));
    }
    for (const { place, failure, results, resolve, reject } of chosen) {
      this.#time.begin(place.work);
      if (failure) {
        this.#present.delete(place);
        reject(failure.thrown);
        continue;
      }
      this.#present.set(place, null);
      resolve(results);
    }
  }

  /** A batch that fails runs again in parts: one video's trouble, or a lack of memory, is nobody else's. */
  async #run(parts: readonly Part[]): Promise<void> {
    const running = parts.filter(({ of }) => !of.failure);
    const [first] = running;
    if (!first) return;
    let failure: { thrown: unknown };
    const began = this.#now();
    const places = new Set(running.map(({ of }) => of.place));
    for (const { work } of places) this.#time.begin(work);
    try {
      const results = await first.pass.run(running.map(({ pass }) => pass.input));
      for (const [i, { of, n }] of running.entries()) of.results[n] = results[i];
      return;
    } catch (thrown) {
      failure = { thrown };
    } finally {
      for (const { work } of places) this.#time.end(work);
      const each = (this.#now() - began) / running.length;
      for (const { of } of running) of.place.spentMs += each;
    }
    if (running.length === 1) {
      first.of.failure = failure;
      return;
    }
    let size = 1;
    if (asVimiError(failure.thrown).code === 'OUT_OF_MEMORY') {
      size = running.length >> 1;
      if (size < this.most) {
        this.most = size;
        this.#onFewer(size);
      }
    }
    for (let at = 0; at < running.length; at += size) await this.#run(running.slice(at, at + size));
  }
}

interface Place {
  /** Of the model's time. */
  spentMs: number;
  work: Share;
}

interface Asked {
  place: Place;
  passes: readonly AnyPass[];
  failure?: { thrown: unknown };
  results: unknown[];
  resolve(results: unknown[]): void;
  reject(thrown: unknown): void;
}

type AnyPass = Pass<unknown, unknown>;

interface Part {
  of: Asked;
  /** Which of its passes. */
  n: number;
  pass: AnyPass;
}
