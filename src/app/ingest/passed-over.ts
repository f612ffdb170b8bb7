/** What a source does not offer, for one reason. */
export interface PassedOverReason {
  reason: string;
  count: number;
  /** The first of them: paths, addresses, or lines of a manifest. */
  names: string[];
}

const mostNames = 1000;

/** Files, folders, members and lines that are not taken: counted by reason, the first ones by name. */
export class PassedOver {
  readonly #reasons = new Map<string, PassedOverReason>();

  add(reason: string, name: string): void {
    const known = this.#reasons.get(reason);
    if (!known) this.#reasons.set(reason, { reason, count: 1, names: [name] });
    else {
      known.count++;
      if (known.names.length < mostNames) known.names.push(name);
    }
  }

  /** The most frequent reason first. */
  list(): PassedOverReason[] {
    return [...this.#reasons.values()].sort((a, b) => b.count - a.count);
  }
}
