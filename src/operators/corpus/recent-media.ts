import { maybeOneFilm } from '../../models/encoders/built-in/film-hash.js';
import { flatHash, hammingDistance } from '../../models/encoders/built-in/perceptual-hash.js';

interface Passed {
  /** The key of the event (events/ids.ts). */
  event: string;
  part: string;
  uri: string;
  /** The id that it has, or will have, in the corpus. */
  document: string;
  contentHash: string;
  perceptual: string;
  film: string | undefined;
  /** Of the image; unit length. */
  embedding: readonly number[];
}

interface Claim extends Passed {
  /** Aborted: the event was given up and counts no more. */
  signal: AbortSignal;
}

const minuteMs = 60_000;

/**
 * Which media this process has let through and the corpus may not know yet: those under way, and of those that are done the last
 * `kept`, and all of the last minute: one film may have more clips.
 */
export class RecentMedia {
  readonly #underWay = new Map<string, Claim[]>();
  readonly #done: (Passed & { since: number })[] = [];

  readonly #kept: number;
  readonly #elapsed: () => number;

  /** `elapsed`: milliseconds of a clock that is never set back. */
  constructor(kept: number, elapsed: () => number) {
    this.#kept = kept;
    this.#elapsed = elapsed;
  }

  /** Of another event that has let the same image through, or one at most `bits` away and at least `likeness` like. */
  like(
    { event, contentHash, perceptual, film, embedding }: Claim,
    { exact, bits, likeness }: { exact: boolean; bits: number; likeness: number },
  ): Passed | undefined {
    const same = (other: Passed) =>
      other.event !== event &&
      maybeOneFilm(film, other.film, bits) &&
      ((exact && other.contentHash === contentHash) ||
        (perceptual !== flatHash &&
          hammingDistance(other.perceptual, perceptual) <= bits &&
          dot(other.embedding, embedding) >= likeness));
    for (const [id, [claim]] of this.#underWay) if (claim?.signal.aborted) this.#underWay.delete(id);
    return this.#done.find(same) ?? [...this.#underWay.values()].flat().find(same);
  }

  /** Documents that are no longer in the corpus, or will not be when this event is done. */
  forget(isGone: (document: string) => boolean): void {
    const left = this.#done.filter(({ document }) => !isGone(document));
    if (left.length < this.#done.length) this.#done.splice(0, this.#done.length, ...left);
  }

  claim(claim: Claim): void {
    const claims = this.#underWay.get(claim.event);
    if (claims) claims.push(claim);
    else this.#underWay.set(claim.event, [claim]);
  }

  /** An event has its outcome: what of it was delivered counts on, the rest may come again. */
  settle(event: string, delivered: (part: string) => boolean): void {
    const since = this.#elapsed();
    // Not its signal: all that listens there holds on to the event.
    for (const { signal: _, ...passed } of this.#underWay.get(event) ?? [])
      if (delivered(passed.part)) this.#done.push({ ...passed, since });
    const old = this.#done.findIndex((one) => since - one.since < minuteMs);
    const surplus = Math.max(0, this.#done.length - this.#kept);
    this.#done.splice(0, old < 0 ? surplus : Math.min(old, surplus));
    this.#underWay.delete(event);
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
