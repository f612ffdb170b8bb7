/** The best `depth` of what is offered: the higher score, of equal ones the label that comes `before` the other. */
export class Best {
  /** A heap, its worst on top. */
  readonly #labels: number[] = [];
  readonly #scores: number[] = [];
  readonly #depth: number;
  readonly #before: (a: number, b: number) => boolean;

  constructor(depth: number, before: (a: number, b: number) => boolean) {
    this.#depth = depth;
    this.#before = before;
  }

  /** Below this nothing will be taken. */
  get least(): number {
    return this.#labels.length < this.#depth ? Number.NEGATIVE_INFINITY : this.#scores[0]!;
  }

  offer(label: number, score: number): void {
    const count = this.#labels.length;
    if (count < this.#depth) {
      this.#labels.push(label);
      this.#scores.push(score);
      this.#rise(count);
    } else if (score > this.#scores[0]! || (score === this.#scores[0] && this.#before(label, this.#labels[0]!))) {
      this.#labels[0] = label;
      this.#scores[0] = score;
      this.#sink();
    }
  }

  /** Best first. */
  ranking(): { label: number; score: number }[] {
    return this.#labels
      .map((label, i) => ({ label, score: this.#scores[i]! }))
      .sort((a, b) => b.score - a.score || (this.#before(a.label, b.label) ? -1 : 1));
  }

  #isWorse(a: number, b: number): boolean {
    const [one, other] = [this.#scores[a]!, this.#scores[b]!];
    return one !== other ? one < other : this.#before(this.#labels[b]!, this.#labels[a]!);
  }

  #swap(a: number, b: number): void {
    const [label, score] = [this.#labels[a]!, this.#scores[a]!];
    this.#labels[a] = this.#labels[b]!;
    this.#scores[a] = this.#scores[b]!;
    this.#labels[b] = label;
    this.#scores[b] = score;
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isWorse(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      let worst = at;
      for (const below of [2 * at + 1, 2 * at + 2])
        if (below < this.#labels.length && this.#isWorse(below, worst)) worst = below;
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }
}
