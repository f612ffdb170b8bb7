import type { Clock } from '../../core/clock.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput, ModelDescription } from '../ports.js';

/** A model under the eyes of whoever operates its process: it tells what it is at, and asks the model for nothing. */
export class WatchedDenoiser implements Denoiser {
  readonly #denoiser: Denoiser;
  readonly #clock: Pick<Clock, 'elapsed'>;
  readonly atOnce?: (asked?: number) => number;
  readonly measure?: () => void;
  #description: ModelDescription | undefined;
  #places: number | undefined;
  #drawing = 0;
  #busyMs = 0;
  #busySince = 0;

  constructor(denoiser: Denoiser, clock: Pick<Clock, 'elapsed'>) {
    this.#denoiser = denoiser;
    this.#clock = clock;
    if (denoiser.atOnce)
      this.atOnce = (asked) => {
        this.#places = denoiser.atOnce!(asked);
        return this.#places;
      };
    if (denoiser.measure) this.measure = () => denoiser.measure!();
  }

  /** As it described itself last; undefined: it was not asked yet. */
  get description(): ModelDescription | undefined {
    return this.#description;
  }

  /** How many videos it draws at once, as it said last; undefined: it was not asked, or does not care. */
  get places(): number | undefined {
    return this.#places;
  }

  /** Videos, and drafts of candidates, that it was asked for and has not answered. */
  get drawing(): number {
    return this.#drawing;
  }

  /** In which it had something to draw. */
  get busySeconds(): number {
    const now = this.#drawing > 0 ? this.#clock.elapsed() - this.#busySince : 0;
    return (this.#busyMs + now) / 1000;
  }

  async describe(): Promise<ModelDescription> {
    this.#description = await this.#denoiser.describe();
    return this.#description;
  }

  async generate(input: GenerateInput, calls: GenerateCalls): Promise<Generated> {
    if (this.#drawing++ === 0) this.#busySince = this.#clock.elapsed();
    try {
      return await this.#denoiser.generate(input, calls);
    } finally {
      if (--this.#drawing === 0) this.#busyMs += this.#clock.elapsed() - this.#busySince;
    }
  }

  close(): Promise<void> {
    return this.#denoiser.close();
  }
}
