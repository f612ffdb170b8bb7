import { z } from 'zod';
import { task } from '../events/prompt.js';
import type { SearchQuery } from '../stores/corpus.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      query, embeddings; clip where there is one
 * Out     context: the documents found, the near-duplicates of the query's own medium, the state of the corpus
 * Drops   nothing
 * Fails   VECTOR_INVALID (an embedder that is not the index's), INDEX_DAMAGED when it is not filled again in time
 * Memory  `concurrency` results of at most k documents and 64 near-duplicates
 *
 * The paper retrieves by BM25 on captions; k, the filters, the embeddings and their fusion, the stop words, the names
 * and the least scores are ours.
 *
 * A clip is searched for by its caption alone, as a text prompt is: were its keyframe to help, training would see
 * contexts that serving never gets. The image ranking is for prompts that hold an image themselves.
 */
export const retrieve = defineOperator(
  {
    name: 'retrieve',
    summary: 'Attaches the k best documents of the corpus to each prompt.',
    contract: {
      in: 'query and embeddings; a clip where there is one.',
      out: 'context: at most k documents with their ranks: those that the prompt names, in its order, then best first; found by the words (BM25), the caption’s embedding, and the image’s where the prompt holds one; never the query’s own medium or a near-duplicate of it. With them the near-duplicates, for deduplicate, and the state of the corpus. What the request says about retrieval comes before the configuration. Nothing is found rather than something that does not fit: see min_score.',
      drops: 'Nothing.',
      fails: 'VECTOR_INVALID when embed uses another embedder than the index; INDEX_DAMAGED after retries.',
      memory: 'As many results as are searched for at once.',
    },
    config: z.strictObject({
      mode: z
        .enum(['hybrid', 'lexical', 'dense'])
        .default('hybrid')
        .describe('lexical: BM25 on captions, as in the paper; dense: embeddings; hybrid: both, fused by rank.'),
      k: z.number().int().min(0).max(16).default(3).describe('Documents wanted; 0: none.'),
      names: z
        .boolean()
        .default(true)
        .describe(
          'Documents whose whole caption stands in the prompt come first: of a prompt about a fox and a cupcake both. Not in dense mode.',
        ),
      tasks: z
        .array(task)
        .default(['text-to-video'])
        .describe('Tasks that are grounded when the request says nothing of retrieval; in the paper this one.'),
      exclude: z
        .enum(['same-source', 'none'])
        .default('same-source')
        .describe('same-source: documents of the query’s own source are no context for it.'),
      near_duplicate_bits: z
        .number()
        .int()
        .min(0)
        .max(32)
        .default(6)
        .describe('Perceptual hashes at most so many of 64 bits apart are one picture, which never grounds itself.'),
      near_duplicate_likeness: z
        .number()
        .min(-1)
        .max(1)
        .default(0.85)
        .describe('And whose image embeddings are at least so alike (cosine): simple pictures share hashes.'),
      min_score: z
        .number()
        .min(0)
        .max(1)
        .default(0.55)
        .describe(
          'Cosine below which a caption that shares no word with the prompt is no context. With the built-in embedder unrelated ones reach 0.5.',
        ),
      min_image_score: z
        .number()
        .min(0)
        .max(1)
        .default(0.92)
        .describe('The same for a picture beside the prompt’s own; unrelated ones reach 0.91.'),
      licences: z.array(z.string()).default([]).describe('Only documents under these; all when empty.'),
      concurrency: z.number().int().min(1).max(64).default(8).describe('Searches at once.'),
    }),
    example: '- retrieve: { mode: hybrid, k: 3, exclude: same-source }',
    needs: ['query', 'embeddings'],
    adds: ['context'],
  },
  (config, { clock, corpus }) => ({
    step: mapEach<'query' | 'embeddings'>(
      async ({ query, embeddings, clip }) => {
        const asked = query.retrieval === false ? { k: 0 } : query.retrieval;
        const k = asked?.k ?? (asked || config.tasks.includes(query.task) ? config.k : 0);
        const { source, contentHash, perceptual } = query.self;
        const hasImage = query.parts.some((part) => 'image' in part);
        const search: SearchQuery = {
          text: query.text,
          textEmbedding: embeddings.text,
          ...(hasImage && embeddings.image && { imageEmbedding: embeddings.image }),
          mode: asked?.mode ?? config.mode,
          k,
          names: config.names,
          minScore: config.min_score,
          minImageScore: config.min_image_score,
          ...(config.licences.length > 0 && { licences: config.licences }),
          exclude: {
            ...(config.exclude === 'same-source' && source !== undefined && { source }),
            contentHash,
            perceptual,
            distance: config.near_duplicate_bits,
            ...(clip && { imageEmbedding: clip.imageEmbedding }),
            likeness: config.near_duplicate_likeness,
          },
        };
        const { context, nearDuplicates, corpus: state } = await corpus.search(search);
        return { context: { entries: context, nearDuplicates, corpus: state } };
      },
      { step: 'retrieve', concurrency: config.concurrency, clock },
    ),
  }),
);
