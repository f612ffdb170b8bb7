import { VimiError } from '../../core/errors.js';

/** Lets so many in at once; the others wait in the order in which they came. */
export class Places {
  #most: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  get most(): number {
    return this.#most;
  }

  /** Fewer than are taken: nobody is turned out, and nobody comes in until enough have left. */
  set most(most: number) {
    this.#most = most;
    this.#fill();
  }

  /** Resolves to what gives the place back; CANCELLED when `signal` is aborted before there is one. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw gone();
    if (this.#taken >= this.#most || this.#waiting.length > 0)
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          this.#waiting.splice(this.#waiting.indexOf(enter), 1);
          reject(gone());
        };
        const enter = () => {
          signal.removeEventListener('abort', onAbort);
          this.#taken++;
          resolve();
        };
        this.#waiting.push(enter);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    else this.#taken++;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken--;
      this.#fill();
    };
  }

  #fill(): void {
    while (this.#taken < this.#most && this.#waiting.length > 0) this.#waiting.shift()!();
  }
}

const gone = () => new VimiError('CANCELLED', 'The generation was cancelled before it began');
