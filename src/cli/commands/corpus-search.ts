import { searchCorpus } from '../../app/search-corpus.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import type { RetrievedAs, SearchMode } from '../../stores/corpus/corpus.js';

export interface CorpusSearchOptions {
  k: number;
  mode: SearchMode;
  /** Images when left out. */
  kind?: RetrievedAs;
  /** Any when left out. */
  licences?: string[] | undefined;
  json?: boolean;
}

/** Lists the documents nearest to a text, best first, however far they are: the step `retrieve` has a least score. */
export async function corpusSearch(
  workspace: Workspace,
  text: string,
  { k, mode, kind = 'image', licences, json }: CorpusSearchOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const found = await searchCorpus(workspace, text, { k, mode, kind, licences });
  if (json) {
    out.write(`${JSON.stringify({ query: text, kind, mode, corpus: found.corpus, context: found.context })}\n`);
    return;
  }
  for (const { score, ranks, caption, document } of found.context) {
    const places = Object.entries(ranks).map(([ranking, place]) => `${ranking} ${place}`);
    out.write(`${score.toFixed(4)}  ${caption}  (${places.join(', ')})  ${document}\n`);
  }
  out.write(`${found.context.length} of ${counted(found.corpus.documents, 'document')}\n`);
}
