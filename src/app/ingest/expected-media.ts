import type { MediaSource } from './media-source.js';

/** Of all sources: those that were not begun count as the others do on average. 0: nobody knows yet. */
export function expectedOf(sources: readonly MediaSource[]): number {
  const known = sources.flatMap((source) => source.expected?.() ?? []);
  if (known.length === 0 || sources.some(({ expected }) => !expected)) return 0;
  return Math.round((known.reduce((sum, one) => sum + one, 0) * sources.length) / known.length);
}

/** Counts what a source offers, beside how much of it was read. */
export class Reading {
  #offered = 0;
  #share = 0;

  /** `share`: from 0 to 1. */
  read(share: number): void {
    this.#share = share;
  }

  offered(): void {
    this.#offered++;
  }

  get expected(): number | undefined {
    return this.#share > 0 && this.#offered > 0 ? this.#offered / Math.min(1, this.#share) : undefined;
  }
}
