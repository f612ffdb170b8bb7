/**
 * Labels with scores, for one search at a time. A sparse set (Briggs and Torczon, 1993): each label points to its place, and a
 * place counts only if it points back, so nothing has to be cleared between searches. Labels can also be marked. 5 bytes a label.
 */
export class Candidates {
  count = 0;
  labels = new Uint32Array(1024);
  scores = new Float64Array(1024);
  #places = new Uint32Array(1024);
  /** Marked in this search: equal to `#search`, 1 to 255. */
  #marks = new Uint8Array(1024);
  #search = 0;

  /** Forgets all, and makes room for labels below `end`. */
  begin(end: number): void {
    this.count = 0;
    if (end > this.#places.length) {
      const size = Math.max(end, 2 * this.#places.length);
      this.#places = new Uint32Array(size);
      this.#marks = new Uint8Array(size);
    }
    if (this.#search === 255) this.#marks.fill(0);
    this.#search = (this.#search % 255) + 1;
  }

  mark(label: number): void {
    this.#marks[label] = this.#search;
  }

  isMarked(label: number): boolean {
    return this.#marks[label] === this.#search;
  }

  /** -1: not among them. */
  placeOf(label: number): number {
    const place = this.#places[label]!;
    return place < this.count && this.labels[place] === label ? place : -1;
  }

  /** Of a label that is not among them. */
  add(label: number, score: number): void {
    if (this.count === this.labels.length) this.#grow();
    this.labels[this.count] = label;
    this.scores[this.count] = score;
    this.#places[label] = this.count++;
  }

  /** Drops those that score less. */
  keep(least: number): void {
    const { labels, scores } = this;
    let kept = 0;
    for (let place = 0; place < this.count; place++) {
      if (scores[place]! < least) continue;
      const label = labels[place]!;
      labels[kept] = label;
      scores[kept] = scores[place]!;
      this.#places[label] = kept++;
    }
    this.count = kept;
  }

  #grow(): void {
    const [labels, scores] = [new Uint32Array(2 * this.count), new Float64Array(2 * this.count)];
    labels.set(this.labels);
    scores.set(this.scores);
    this.labels = labels;
    this.scores = scores;
  }
}
