import type { ContextEntry } from '../../../events/prompt.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type { Reranker } from '../../../models/ports.js';
import type { Corpus, SearchQuery, SearchResult } from '../../../stores/corpus/corpus.js';
import { forEntities, forPrompt } from './candidates.js';
import { diversified } from './diversity.js';
import { reranked } from './reranking.js';
import { keepsLimits, type ScoreLimits } from './score-limits.js';

/** Which stages run, beside the search itself. Each is switched by a setting of the step `retrieve`. */
export interface Stages {
  entities: boolean;
  scores: ScoreLimits;
  reranker?: Reranker | undefined;
  diversity: number;
  /** Documents that are ordered anew by `reranker` and `diversity`. */
  candidates: number;
}

export interface RetrievalSurroundings {
  corpus: Corpus;
  /** The embedding of a text. */
  embed(text: string): Promise<number[]>;
  /** Whether a document that was found may be used: the object store has its image, and its clip. */
  isThere(entry: ContextEntry): Promise<boolean>;
  /** Documents that are not for this context, though a search may find them. */
  without?: ReadonlySet<string> | undefined;
  /** Around the work of each stage. */
  timed?<T>(stage: StageName, work: () => Promise<T>): Promise<T>;
}

export const stageNames = ['search', 'filter', 'rerank', 'diversity'] as const;
export type StageName = (typeof stageNames)[number];

/** The most that a corpus gives in one search. */
const mostDocuments = 100;

/**
 * The `search.k` best documents for a prompt: candidates, those of them that may be used, in a better order. When too few
 * may be used, it searches deeper, 100 documents at most.
 */
export async function retrieveContext(
  search: SearchQuery,
  { entities, scores, reranker, diversity, candidates }: Stages,
  around: RetrievalSurroundings,
): Promise<SearchResult> {
  const { corpus, without = new Set(), timed = (_, work) => work() } = around;
  const known = new Documents(corpus);
  const usable = new Map<string, boolean>();
  const mayUse = async (entry: ContextEntry) =>
    !without.has(entry.document) &&
    (Object.keys(scores).length === 0 || keepsLimits(await known.get(entry.document), scores)) &&
    (await around.isThere(entry));
  const wanted = search.k > 0 && (reranker || diversity > 0) ? Math.max(search.k, candidates) : search.k;

  for (
    let depth = wanted > 0 ? Math.min(wanted + without.size, mostDocuments) : 0;
    ;
    depth = Math.min(2 * depth, mostDocuments)
  ) {
    const query = { ...search, k: depth };
    const {
      context,
      nearDuplicates,
      corpus: state,
      more,
    } = await timed('search', () => (entities && depth > 0 ? forEntities(query, around) : forPrompt(query, corpus)));
    await timed('filter', async () => {
      const unknown = context.filter(({ document }) => !usable.has(document));
      await Promise.all(unknown.map(async (entry) => usable.set(entry.document, await mayUse(entry))));
    });
    let entries = context.filter(({ document }) => usable.get(document)).slice(0, wanted);
    if (entries.length < wanted && more && depth < mostDocuments) continue;

    if (reranker) entries = await timed('rerank', () => reranked(search.text, entries, reranker));
    if (diversity > 0)
      entries = await timed('diversity', async () => diversified(entries, await known.appearances(entries), diversity));
    return { context: entries.slice(0, search.k), nearDuplicates, corpus: state };
  }
}

/**
 * The best clips that show how what the prompt speaks of moves: the same stages, but that a prompt's things are not looked
 * for one by one, and its images not at all, since neither says how anything moves.
 */
export function retrieveMotions(
  { imageEmbedding: _, textAmongImages: __, ...search }: SearchQuery,
  motions: number,
  stages: Stages,
  around: RetrievalSurroundings,
): Promise<SearchResult> {
  return retrieveContext({ ...search, kind: 'clip', k: motions }, { ...stages, entities: false }, around);
}

/** The documents of one retrieval, each read once. */
class Documents {
  readonly #corpus: Corpus;
  readonly #read = new Map<string, Promise<CorpusDocument | null>>();

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  /** null: it was removed since the search. */
  get(id: string): Promise<CorpusDocument | null> {
    const read = this.#read.get(id) ?? this.#corpus.get(id);
    this.#read.set(id, read);
    return read;
  }

  async appearances(entries: readonly ContextEntry[]) {
    const documents = await Promise.all(entries.map(({ document }) => this.get(document)));
    return new Map(documents.flatMap((document) => (document ? [[document.id, document.embeddings] as const] : [])));
  }
}
