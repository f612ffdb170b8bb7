import type { RetrievedAs, SearchMode, SearchResult } from '../stores/corpus/corpus.js';
import type { Workspace } from './workspace.js';

/** The documents nearest to a text, best first, however far they are: the step `retrieve` has a least score. */
export async function searchCorpus(
  workspace: Workspace,
  text: string,
  {
    k,
    mode,
    kind = 'image',
    licences,
  }: { k: number; mode: SearchMode; kind?: RetrievedAs | undefined; licences?: string[] | undefined },
): Promise<Pick<SearchResult, 'context' | 'corpus'>> {
  const corpus = await workspace.corpusIsCurrent();
  const embedder = await workspace.embedder();
  const textEmbedding = await embedder.text(text);
  const among = embedder.joint && kind === 'image' && { imageEmbedding: textEmbedding, textAmongImages: true };
  return corpus.search({ text, textEmbedding, ...among, kind, mode, k, names: true, ...(licences && { licences }) });
}
