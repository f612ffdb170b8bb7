import type { Clock } from '../../core/clock.js';

/** A step may take so many times as long as steps usually take, and this long in any case: the first ones make graphs. */
const timesUsual = 100;
const leastMs = 5 * 60_000;
/** A step that was taken for stuck has so many times as long when it is waited for again: it may be that slow. */
const timesAgain = 4;
/** Of the newest steps, the middle one is what they usually take. */
const measured = 9;

/** Notices a model that makes no step of a job any more: its process hangs, where nothing else would ever end it. */
export class StepWatchdog {
  readonly #clock: Clock;
  readonly #onStuck: (seconds: number) => void;
  /** Milliseconds, the newest last. */
  readonly #durations: number[] = [];
  /** How often in a row no step came in time. */
  #misses = 0;
  /** By job. */
  readonly #watched = new Map<number, { since: number; over: AbortController }>();

  /** `onStuck`: a job made no step for so many seconds; nothing is watched from then on. */
  constructor(clock: Clock, onStuck: (seconds: number) => void) {
    this.#clock = clock;
    this.#onStuck = onStuck;
  }

  /** Milliseconds that a step may take now. */
  get limitMs(): number {
    const usual = this.#durations.toSorted((a, b) => a - b)[this.#durations.length >> 1] ?? 0;
    return Math.max(leastMs, timesUsual * usual) * timesAgain ** this.#misses;
  }

  /** A job begins, or waits for others that have made a step: its own first step is waited for. */
  begin(job: number): void {
    this.end(job);
    const watched = { since: this.#clock.elapsed(), over: new AbortController() };
    this.#watched.set(job, watched);
    void this.#clock.sleep(this.limitMs, watched.over.signal).then(() => {
      if (this.#watched.get(job) !== watched) return;
      this.endAll();
      this.#misses++;
      this.#onStuck((this.#clock.elapsed() - watched.since) / 1000);
    });
  }

  /** It has made a step: the next one is waited for. */
  step(job: number): void {
    const watched = this.#watched.get(job);
    if (!watched) return;
    this.#durations.push(this.#clock.elapsed() - watched.since);
    if (this.#durations.length > measured) this.#durations.shift();
    this.#misses = 0;
    this.begin(job);
  }

  /** No step of this job is waited for any more. */
  end(job: number): void {
    this.#watched.get(job)?.over.abort();
    this.#watched.delete(job);
  }

  endAll(): void {
    for (const job of [...this.#watched.keys()]) this.end(job);
  }
}
