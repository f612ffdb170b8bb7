import type { DocumentSummary } from '../../stores/corpus/corpus.js';

type Unknown = 'image' | 'kind';
export type RecentDocument = Omit<DocumentSummary, Unknown> & Partial<Pick<DocumentSummary, Unknown>>;

/** What the outcome of one event changes in the corpus. */
interface Change {
  added: readonly RecentDocument[];
  /** Ids. */
  removed: readonly string[];
}

/**
 * What this process added to the corpus and removed from it lately: the index hears of both a moment later. Changes of
 * the last `kept` files.
 *
 * An outcome is told before it is committed, and may never be: then its event is done again, perhaps in this process.
 */
export class RecentDocuments {
  /** By file, then by event, each in the order in which they came. */
  readonly #changes = new Map<string, Map<string, Change>>();

  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  /** All documents of a file, given those that the index has. */
  of(file: string, indexed: readonly RecentDocument[]): RecentDocument[] {
    const byId = new Map(indexed.map((one) => [one.document, one]));
    for (const { added, removed } of this.#changes.get(file)?.values() ?? []) {
      for (const id of removed) byId.delete(id);
      for (const one of added) if (!byId.has(one.document)) byId.set(one.document, one);
    }
    return [...byId.values()];
  }

  delivered(file: string, event: string, change: Change): void {
    const changes = this.#changes.get(file) ?? new Map<string, Change>();
    changes.delete(event);
    if (change.added.length + change.removed.length > 0) changes.set(event, change);
    this.#changes.delete(file);
    if (changes.size > 0) this.#changes.set(file, changes);
    for (const oldest of this.#changes.keys()) {
      if (this.#changes.size <= this.#kept) break;
      this.#changes.delete(oldest);
    }
  }

  /** An event is done again: what it came to before was not committed, so nothing of it is in the corpus. */
  begun(file: string, event: string): void {
    const changes = this.#changes.get(file);
    changes?.delete(event);
    if (changes?.size === 0) this.#changes.delete(file);
  }

  /** The index has heard that a document is gone. */
  removed(id: string): void {
    for (const [file, changes] of this.#changes) {
      for (const [event, { added, removed }] of changes) {
        const left = {
          added: added.filter(({ document }) => document !== id),
          removed: removed.filter((one) => one !== id),
        };
        if (left.added.length + left.removed.length > 0) changes.set(event, left);
        else changes.delete(event);
      }
      if (changes.size === 0) this.#changes.delete(file);
    }
  }
}
