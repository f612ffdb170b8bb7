import { beyondBudget, encodeBeyond, type Range } from './position.js';

/** What one commit says of a partition, and which settled offsets it covers. */
export interface CommitPlan {
  /** Settled offsets whose outputs belong into this commit, ascending. */
  offsets: number[];
  /** Everything below is settled once the commit is done. */
  committedOffset: number;
  /** Settled beyond the committed offset, ascending, not touching. */
  beyond: Range[];
}

/**
 * Which offsets of one partition are settled. Records settle in any order; a commit carries the contiguous committed offset and
 * the set of offsets settled beyond it, so that a restart skips exactly what was committed.
 *
 * An offset that was never given out (compacted away, a transaction marker) counts as settled as soon as a later one is
 * admitted. That makes the state small: the offsets that are NOT settled (open), the settled ones that wait for a commit,
 * and the end of what was admitted; the set is the complement.
 *
 * The set must fit into the commit's metadata. Where it does not, the settled offsets farthest from the committed offset are
 * held back: neither in the set nor their outputs in the commit, because an output whose offset is not recorded would be
 * published again after a crash. They wait, with their credit, until the holes before them close.
 */
export class Tracker {
  /** Admitted, without an outcome. In ascending order, since offsets are admitted in that order. */
  readonly #open = new Set<number>();
  /** With an outcome, not yet in a commit. */
  readonly #settled = new Set<number>();
  /** The first offset that was not admitted yet. */
  #next: number;
  /** The end of the highest range that was ever committed. */
  #top: number;
  /** Committed beyond the committed offset by an earlier run, as far as not met yet. */
  #ahead: Range[];
  #committedOffset: number;
  #budget: number;

  /** Starts where a commit left it. `budget`: bytes of text that the set may take. */
  constructor(committedOffset = 0, beyond: readonly Range[] = [], budget = beyondBudget) {
    this.#committedOffset = committedOffset;
    this.#next = committedOffset;
    this.#ahead = [...beyond];
    this.#top = beyond.at(-1)?.to ?? committedOffset;
    this.#budget = budget;
  }

  /** Forgets what was committed before: everything below `offset` counts as settled, nothing beyond. Before anything is admitted. */
  beginAt(offset: number): void {
    this.#committedOffset = offset;
    this.#next = offset;
    this.#ahead = [];
    this.#top = offset;
  }

  /** As of the last commit. */
  get committedOffset(): number {
    return this.#committedOffset;
  }

  /** The first offset that was neither admitted nor known as a gap. */
  get next(): number {
    return this.#next;
  }

  get open(): number {
    return this.#open.size;
  }

  /** Settled, waiting for a commit. */
  get waiting(): number {
    return this.#settled.size;
  }

  /** Takes note of a record that was read. False: it was committed before, or admitted already; skip it. */
  admit(offset: number): boolean {
    if (offset < this.#next) return false;
    this.reach(offset + 1);
    const [first] = this.#ahead;
    if (first && offset >= first.from && offset < first.to) return false;
    this.#open.add(offset);
    return true;
  }

  /** Everything below `offset` was given out or will never be. */
  reach(offset: number): void {
    if (offset <= this.#next) return;
    this.#next = offset;
    // The range that holds offset - 1 stays, for admit to find it.
    while (this.#ahead.length > 0 && this.#ahead[0]!.to < offset) this.#ahead.shift();
  }

  /** Offsets of a range that were never settled, as far as what was committed tells. */
  unsettled(from: number, to: number): number {
    let left = Math.max(0, to - Math.max(from, this.#committedOffset));
    for (const range of this.#ahead) left -= Math.max(0, Math.min(to, range.to) - Math.max(from, range.from));
    return left;
  }

  settle(offset: number): void {
    if (this.#open.delete(offset)) this.#settled.add(offset);
  }

  /**
   * The next commit: all that is settled (`most` of it), or as much of it, nearest the committed offset first, as the set can
   * hold. null: none of it fits before a hole closes.
   */
  plan(most = Number.POSITIVE_INFINITY): CommitPlan | null {
    const settled = [...this.#settled].sort((a, b) => a - b);
    const count = Math.min(most, settled.length);
    const whole = this.#cover(settled, count);
    if (this.#fits(whole)) return whole;
    // More offsets do not always mean a longer text, but the bound that this finds is one that fits.
    let best: CommitPlan | null = null;
    let low = 1;
    let high = count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const plan = this.#cover(settled, middle);
      if (this.#fits(plan)) {
        best = plan;
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return best;
  }

  /** From now on plans have no set: the committed offset alone. False: it was so before. */
  narrow(): boolean {
    const narrowed = this.#budget > 0;
    this.#budget = 0;
    return narrowed;
  }

  /** The plan is durable. */
  committed(plan: CommitPlan): void {
    for (const offset of plan.offsets) this.#settled.delete(offset);
    this.#committedOffset = plan.committedOffset;
    this.#top = Math.max(this.#top, (plan.offsets.at(-1) ?? -1) + 1);
  }

  #fits(plan: CommitPlan): boolean {
    return encodeBeyond(plan.committedOffset, plan.beyond).length <= this.#budget;
  }

  #cover(settled: number[], most: number): CommitPlan {
    const offsets = settled.slice(0, most);
    const holes = [...this.#open, ...settled.slice(most)];
    if (most < settled.length) holes.sort((a, b) => a - b);
    const committedOffset = holes[0] ?? this.#next;
    const top = Math.min(this.#next, Math.max(this.#top, (offsets.at(-1) ?? -1) + 1));
    const beyond: Range[] = [];
    const add = (from: number, to: number) => {
      if (from >= to) return;
      const last = beyond.at(-1);
      if (last && last.to === from) last.to = to;
      else beyond.push({ from, to });
    };
    for (let i = 0; i < holes.length; i++) add(holes[i]! + 1, Math.min(holes[i + 1] ?? top, top));
    for (const range of this.#ahead) add(Math.max(range.from, this.#next), range.to);
    return { offsets, committedOffset, beyond };
  }
}
