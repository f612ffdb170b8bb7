import type { DocumentSummary } from '../stores/corpus.js';

export type RecentDocument = Omit<DocumentSummary, 'image'> & Partial<Pick<DocumentSummary, 'image'>>;

/**
 * What this process added to the corpus and removed from it lately: the index hears of both a moment later. Documents of
 * the last `kept` media.
 */
export class RecentDocuments {
  private readonly added = new Map<string, RecentDocument[]>();
  private readonly gone = new Set<string>();

  constructor(private readonly kept: number) {}

  /** All documents of a file, given those that the index has. */
  of(file: string, indexed: readonly RecentDocument[]): RecentDocument[] {
    const byId = new Map([...(this.added.get(file) ?? []), ...indexed].map((one) => [one.document, one]));
    return [...byId.values()].filter(({ document }) => !this.gone.has(document));
  }

  delivered(file: string, added: readonly RecentDocument[], removed: readonly string[]): void {
    for (const { document } of added) this.gone.delete(document);
    for (const id of removed) this.gone.add(id);
    const before = (this.added.get(file) ?? []).filter(({ document }) => !removed.includes(document));
    this.added.delete(file);
    const all = [...before, ...added];
    if (all.length > 0) this.added.set(file, all);
    for (const oldest of this.added.keys()) {
      if (this.added.size <= this.kept) break;
      this.added.delete(oldest);
    }
  }

  /** The index has heard that a document is gone. */
  removed(id: string): void {
    this.gone.delete(id);
    for (const [file, documents] of this.added) {
      const left = documents.filter(({ document }) => document !== id);
      if (left.length === 0) this.added.delete(file);
      else if (left.length < documents.length) this.added.set(file, left);
    }
  }
}
