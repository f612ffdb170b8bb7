import type { CorpusRemoved } from '../../events/schemas.js';
import type { DocumentFilter } from '../../stores/corpus/corpus.js';

/** What a removal names. */
export function filterOf({ kind, value }: CorpusRemoved): DocumentFilter {
  return kind === 'document' ? { id: value } : { [kind]: value };
}

/** The same, and by its image what is another document of it. */
export function removalFilters(removal: CorpusRemoved): DocumentFilter[] {
  return [filterOf(removal), ...(removal.image === undefined ? [] : [{ content: removal.image }])];
}
