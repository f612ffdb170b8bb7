import { createEmbedder } from '../../models/embedding/embedder.js';
import type { SearchMode } from '../../stores/corpus.js';
import type { Workspace } from '../workspace.js';

export interface CorpusSearchOptions {
  k: number;
  mode: SearchMode;
  json?: boolean;
}

/** Lists the documents nearest to a text, best first, however far they are: the step `retrieve` has a least score. */
export async function corpusSearch(
  workspace: Workspace,
  text: string,
  { k, mode, json }: CorpusSearchOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const corpus = await workspace.corpusIsCurrent();
  const found = await corpus.search({ text, textEmbedding: createEmbedder().text(text), mode, k, names: true });
  if (json) {
    out.write(`${JSON.stringify({ query: text, mode, corpus: found.corpus, context: found.context })}\n`);
    return;
  }
  for (const { score, ranks, caption, image } of found.context) {
    const places = Object.entries(ranks).map(([ranking, place]) => `${ranking} ${place}`);
    out.write(`${score.toFixed(4)}  ${caption}  (${places.join(', ')})  ${image.key}\n`);
  }
  out.write(`${found.context.length} of ${found.corpus.documents} documents\n`);
}
