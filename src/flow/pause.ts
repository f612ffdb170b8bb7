import { waitAfter } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { asVimiError, type ErrorCode, type VimiError } from '../core/errors.js';

/** What hinders a pipeline now. */
export interface Trouble {
  code: ErrorCode;
  /** The step that met it; `read`, `take over` and `commit` are the pipeline's own. */
  step: string;
  message: string;
  remedy: string;
}

export interface PauseOptions {
  clock: Clock;
  /** A trouble has lasted longer than a moment. Called once for each code of one pause. */
  onTrouble?(trouble: Trouble): void;
  /** The pipeline goes on, after so many seconds. Not called for a pause that nobody was told of. */
  onOver?(seconds: number): void;
}

/** Before a try: doubled from the first to the last, in milliseconds. */
const backoffMs = { first: 100, last: 10_000 };
/** Brokers change their leaders and networks stumble: what passes sooner is nobody's business. */
const graceMs = 500;

/**
 * Whether a pipeline is paused, and how it finds out that it may go on. Trouble of the surroundings is no event's fault,
 * so nothing is rejected for it: no event is admitted and no step begins with one while it lasts. Of the work that met it,
 * one piece at a time tries again. Once that succeeds the others of its step follow, and when all have passed the pause
 * is over.
 */
export class Pause {
  readonly #clock: Clock;
  readonly #options: PauseOptions;
  readonly #places = new Map<string, Place>();
  readonly #waiting = new Set<() => void>();
  readonly #told = new Set<ErrorCode>();
  #since = 0;

  constructor(options: PauseOptions) {
    this.#clock = options.clock;
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#places.size > 0;
  }

  /** Those that lasted longer than a moment, oldest first. */
  get troubles(): Trouble[] {
    return [...this.#places.values()].flatMap(({ trouble }) => (this.#told.has(trouble.code) ? [trouble] : []));
  }

  /** Resolves when the pipeline may go on, at once if it is not paused, or when `signal` aborts. */
  async over(signal: AbortSignal): Promise<void> {
    if (!this.isOn || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', go, { once: true });
    });
  }

  /** Runs `work` until the surroundings let it: gives its result, or throws what else it fails with. */
  async through<T>(step: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      const error = asVimiError(thrown);
      if (error.fault !== 'surroundings') throw thrown;
      return this.outlast(step, error, work, signal);
    }
  }

  /** The same for work that has failed already, with `error`. Throws the last such error when `signal` aborts. */
  async outlast<T>(step: string, error: VimiError, work: () => Promise<T> | T, signal: AbortSignal): Promise<T> {
    const place = this.#place(step);
    place.held++;
    let last = error;
    let probes = false;
    try {
      for (;;) {
        this.#meet(place, step, last);
        probes = await place.turn(this.#clock, signal);
        if (signal.aborted) throw last;
        try {
          const result = await work();
          place.passed();
          return result;
        } catch (thrown) {
          last = asVimiError(thrown);
          if (last.fault !== 'surroundings') {
            place.passed();
            throw thrown;
          }
          place.failed(probes);
          probes = false;
        }
      }
    } finally {
      place.leave(probes);
      if (place.held === 0) this.#end(step);
    }
  }

  #place(step: string): Place {
    const known = this.#places.get(step);
    if (known) return known;
    if (!this.isOn) this.#since = this.#clock.elapsed();
    const place = new Place();
    this.#places.set(step, place);
    return place;
  }

  #meet(place: Place, step: string, { code, message, remedy }: VimiError): void {
    const isNews = place.trouble?.code !== code;
    place.trouble = { code, step, message, remedy };
    if (isNews) void this.#clock.sleep(graceMs, place.ended.signal).then(() => this.#tell(place, code));
  }

  #tell(place: Place, code: ErrorCode): void {
    if (place.ended.signal.aborted || place.trouble.code !== code || this.#told.has(code)) return;
    this.#told.add(code);
    this.#options.onTrouble?.(place.trouble);
  }

  #end(step: string): void {
    this.#places.get(step)?.ended.abort();
    this.#places.delete(step);
    if (this.isOn) return;
    if (this.#told.size > 0) this.#options.onOver?.((this.#clock.elapsed() - this.#since) / 1000);
    this.#told.clear();
    for (const go of [...this.#waiting]) go();
  }
}

/** A step that met trouble, and the work that it holds. */
class Place {
  trouble!: Trouble;
  /** Pieces of work that failed here and have not passed yet. */
  held = 0;
  readonly ended = new AbortController();
  /** One is trying for all. */
  #probed = false;
  /** One has passed: the others may try at once. */
  #clear = false;
  #failures = 0;
  /** Those who wait for their turn, first come, first served. True: it is theirs; false: there is no more need to. */
  readonly #queue = new Set<(isTurn: boolean) => void>();

  /** Resolves when one may try, or when `signal` aborts. True: it tries for all. */
  async turn(clock: Clock, signal: AbortSignal): Promise<boolean> {
    if (this.#clear) return false;
    if (this.#probed && !(await this.#wait(signal))) return false;
    this.#probed = true;
    await clock.sleep(waitAfter(this.#failures++, backoffMs), signal);
    return true;
  }

  passed(): void {
    this.#clear = true;
    for (const go of [...this.#queue]) go(false);
  }

  failed(probed: boolean): void {
    this.#clear = false;
    if (probed) this.#passOn();
  }

  leave(probed: boolean): void {
    this.held--;
    if (probed) this.#passOn();
  }

  #passOn(): void {
    const [next] = this.#queue;
    this.#probed = next !== undefined;
    next?.(true);
  }

  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const onAbort = () => go(false);
      const go = (isTurn: boolean) => {
        this.#queue.delete(go);
        signal.removeEventListener('abort', onAbort);
        resolve(isTurn);
      };
      this.#queue.add(go);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) go(false);
    });
  }
}
