/** Attempts at one host at a time: whoever answers slowly keeps no other waiting. */
const mostOfHost = 8;

/** How many attempts a process makes at each host, whichever partition they are of. */
export class ReceiverTurns {
  readonly #underWay = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  /** Whether another attempt may begin, which then is under way until `free`. */
  take(host: string): boolean {
    const busy = this.#underWay.get(host) ?? 0;
    if (busy >= mostOfHost) return false;
    this.#underWay.set(host, busy + 1);
    return true;
  }

  /** An attempt is over: all are told, since any partition may have been waiting for it. */
  free(host: string): void {
    const left = (this.#underWay.get(host) ?? 1) - 1;
    if (left > 0) this.#underWay.set(host, left);
    else this.#underWay.delete(host);
    for (const look of [...this.#listeners]) look();
  }

  /** Of those that are due at a host, so many are worth a look: those under way are among them. */
  mostOf(host: string): number {
    return mostOfHost + (this.#underWay.get(host) ?? 0);
  }

  /** Calls `look` after the end of each attempt, until the returned function is called. */
  onFree(look: () => void): () => void {
    this.#listeners.add(look);
    return () => void this.#listeners.delete(look);
  }
}
