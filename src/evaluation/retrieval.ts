import { createHash } from 'node:crypto';
import type { CorpusDocument } from '../events/schemas.js';
import { createEmbedder } from '../models/encoders/built-in/embedder.js';
import type { Embedder } from '../models/ports.js';
import { composePrompt } from '../operators/grounding/compose-prompt.js';
import type { Corpus } from '../stores/corpus/corpus.js';

/** A prompt, and what of it is known: which captions fit, or do not. */
export interface JudgedPrompt {
  prompt: string;
  fits: string[];
  /** Looked at, and another thing. */
  misfits: string[];
}

export interface RetrievalScore {
  /** Captions whose images would stand before the prompts. */
  found: number;
  fits: { prompt: string; caption: string }[];
  misfits: { prompt: string; caption: string }[];
  /** Nobody has looked at these. */
  unjudged: { prompt: string; caption: string }[];
  /** Judged to fit, and not found. */
  missed: { prompt: string; caption: string }[];
}

/** Documents of captions alone: prompts of words do not look at images. */
export async function fillWithCaptions(corpus: Corpus, captions: readonly string[], embedder: Embedder): Promise<void> {
  const image = Array.from({ length: embedder.dimensions.image }, (_, i) => (i === 0 ? 1 : 0));
  const documents: CorpusDocument[] = [];
  for (const caption of captions) {
    const id = createHash('sha256').update(caption).digest('hex');
    documents.push({
      ...{ id, caption, retrievable: true },
      image: { key: `images/${id}.webp`, size: 1, sha256: id, media_type: 'image/webp' },
      embeddings: { model: embedder.name, caption: await embedder.text(caption), image },
      hashes: { content: id, perceptual: id.slice(0, 16) },
      provenance: { uri: id, source: id, licence: 'unknown', event: id },
    });
  }
  await corpus.positions();
  await corpus.apply(documents.map((document, offset) => ({ partition: 0, offset, id: document.id, document })));
}

/**
 * What the shipped topology's `retrieve` and `compose` put before each prompt, against what people said of it. With `all`
 * everything that was retrieved counts, not only what enters the prompt.
 */
export async function scoreRetrieval(
  corpus: Corpus,
  judged: readonly JudgedPrompt[],
  { all = false } = {},
): Promise<RetrievalScore> {
  const embedder = createEmbedder();
  const score: RetrievalScore = { found: 0, fits: [], misfits: [], unjudged: [], missed: [] };
  for (const { prompt, fits, misfits } of judged) {
    const { context } = await corpus.search({
      ...{ text: prompt, textEmbedding: embedder.text(prompt), mode: 'hybrid', k: 3, names: true, onlyNamed: true },
    });
    const { parts } = composePrompt({ task: 'text-to-video', parts: [{ text: prompt }] }, context, {
      images: 3,
      further: all ? 'any' : 'named',
    });
    const captions = parts.slice(0, -1).flatMap((part) => ('text' in part ? [part.text] : []));
    score.found += captions.length;
    for (const caption of captions) {
      const where = fits.includes(caption) ? 'fits' : misfits.includes(caption) ? 'misfits' : 'unjudged';
      score[where].push({ prompt, caption });
    }
    for (const caption of fits) if (!captions.includes(caption)) score.missed.push({ prompt, caption });
  }
  return score;
}
