import { VimiError } from '../core/errors.js';

/** Work of a step on one event. */
interface Work {
  step: string;
  /** The record that the event came in. */
  where: string;
  since: number;
  stop(error: VimiError): void;
}

export interface StepWatchOptions {
  /** Milliseconds of a clock that is never set back. */
  elapsed(): number;
  /** Work that takes longer is given up with STEP_STUCK; as long as it likes when left out. */
  limitMs?: number;
  /** A step is done with an event, well or not, after so many seconds; 0 where it did it at once. */
  onLeft?(step: string, seconds: number): void;
  /** Nothing has left this step for a long time, and `where` has been in it the longest. Once until something leaves. */
  onStandstill?(step: string, where: string, seconds: number): void;
}

/** Longer than most steps ever work on one event. */
const standstillMs = 5 * 60_000;
const lookMs = 1_000;

/** Sees to it that no step stands still unnoticed: names the event, and gives its work up where a limit says so. */
export class StepWatch {
  readonly #options: StepWatchOptions;
  readonly #works = new Set<Work>();
  /** By step: events that wait for their turn. */
  readonly #waiting = new Map<string, number>();
  /** By step: when something left it last. */
  readonly #left = new Map<string, number>();
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StepWatchOptions) {
    this.#options = options;
  }

  /** The longest that each step has been at one event, in seconds. */
  get oldest(): Map<string, number> {
    const now = this.#options.elapsed();
    const oldest = new Map<string, number>();
    for (const { step, since } of this.#works) oldest.set(step, Math.max(oldest.get(step) ?? 0, (now - since) / 1000));
    return oldest;
  }

  /** Events in each step: those that it works on, and those that wait for their turn. */
  get inStep(): Map<string, number> {
    const counts = new Map(this.#waiting);
    for (const { step } of this.#works) counts.set(step, (counts.get(step) ?? 0) + 1);
    return counts;
  }

  /** Of those, the ones that wait for their turn. */
  get waiting(): ReadonlyMap<string, number> {
    return this.#waiting;
  }

  /** One more waits for its turn in a step, or one fewer. */
  waits(step: string, by: 1 | -1): void {
    this.#waiting.set(step, (this.#waiting.get(step) ?? 0) + by);
  }

  /** Work that was done at once. */
  passed(step: string): void {
    this.#options.onLeft?.(step, 0);
  }

  /** What `work` comes to, or STEP_STUCK. What is given up may go on by itself; nobody hears of it. */
  watch<T>(step: string, { topic, partition, offset }: Place, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const where = `${topic}/${partition}/${offset}`;
      const watched: Work = { step, where, since: this.#options.elapsed(), stop: (error) => done(() => reject(error)) };
      const done = (settle: () => void) => {
        if (!this.#works.delete(watched)) return;
        const now = this.#options.elapsed();
        this.#left.set(step, now);
        this.#options.onLeft?.(step, (now - watched.since) / 1000);
        this.#told.delete(step);
        if (this.#works.size === 0) this.#rest();
        settle();
      };
      this.#works.add(watched);
      this.#timer ??= setInterval(() => this.#look(), lookMs).unref();
      work.then(
        (result) => done(() => resolve(result)),
        (error) => done(() => reject(error)),
      );
    });
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = this.#options.elapsed();
    const { limitMs } = this.#options;
    for (const { step, where, since, stop } of [...this.#works]) {
      const quiet = now - Math.max(since, this.#left.get(step) ?? since);
      if (quiet > standstillMs && !this.#told.has(step)) {
        this.#told.add(step);
        this.#options.onStandstill?.(step, where, Math.round((now - since) / 1000));
      }
      if (limitMs !== undefined && now - since > limitMs)
        stop(
          new VimiError('STEP_STUCK', 'A step did not finish this event', {
            expected: `at most ${limitMs / 1000} s, the step_limit of the pipeline`,
            found: `${Math.round((now - since) / 1000)} s`,
            where,
          }),
        );
    }
  }
}

interface Place {
  topic: string;
  partition: number;
  offset: number;
}
