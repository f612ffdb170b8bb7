import type { Embedder } from '../models/ports.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import type { LabelledPrompt } from './labelled-prompts.js';

/** The prompts; of labels that name one document twice, by its id and by its caption, the caption alone is left. */
export async function namedOnce(prompts: readonly LabelledPrompt[], corpus: Corpus): Promise<LabelledPrompt[]> {
  return Promise.all(
    prompts.map(async (prompt) => {
      const fits = new Map(prompt.fits);
      for (const [label, grade] of prompt.fits) {
        const caption = (await corpus.get(label))?.caption;
        if (caption === undefined || caption === label || !fits.has(caption)) continue;
        fits.set(caption, Math.max(grade, fits.get(caption)!));
        fits.delete(label);
      }
      return { ...prompt, fits };
    }),
  );
}

/** The labels that name nothing in the corpus: no id of a document, and no caption that a search for its own words finds. */
export async function unknownLabels(
  labels: readonly string[],
  { corpus, embedder, signal }: { corpus: Corpus; embedder: Embedder; signal: AbortSignal },
): Promise<string[]> {
  const unknown: string[] = [];
  for (const label of labels) {
    signal.throwIfAborted();
    if (await corpus.get(label)) continue;
    const search = { text: label, textEmbedding: await embedder.text(label), mode: 'hybrid', k: 100 } as const;
    const found = await Promise.all((['image', 'clip'] as const).map((kind) => corpus.search({ ...search, kind })));
    if (!found.some(({ context }) => context.some(({ caption }) => caption === label))) unknown.push(label);
  }
  return unknown;
}

/** So many of them are named. */
const fewLabels = 3;

export function unknownNote(unknown: readonly string[]): string[] {
  if (unknown.length === 0) return [];
  const first = unknown.slice(0, fewLabels).map((label) => `'${label}'`);
  const names = unknown.length === 1 ? 'label names' : 'labels name';
  const these = `${first.join(', ')}${unknown.length > fewLabels ? ', ...' : ''}`;
  return [
    `${unknown.length} ${names} nothing that this corpus has (${these}): never ingested, removed, or spelled otherwise. Recall and nDCG count them as not found.`,
  ];
}
