import { z } from 'zod';
import { type ContextEntry, task } from '../events/prompt.js';
import type { SearchQuery } from '../stores/corpus.js';
import type { Flow } from './flow.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      query, embeddings; clip where there is one
 * Out     context: the documents found, the near-duplicates of the query's own medium, the state of the corpus
 * Drops   nothing
 * Fails   VECTOR_INVALID (an embedder that is not the index's), INDEX_DAMAGED when it is not filled again in time,
 *         STORAGE_UNAVAILABLE when the object store does not say in time whether it has the images
 * Memory  `concurrency` results of at most 100 documents and 64 near-duplicates; the ids of documents without an image
 *
 * The paper retrieves by BM25 on captions; k, the filters, the embeddings and their fusion, the stop words, the names
 * and the noise are ours.
 *
 * A clip is searched for by its caption alone, as a text prompt is: were its keyframe to help, training would see
 * contexts that serving never gets. The image ranking is for prompts that hold an image themselves.
 */
/** The most that a corpus gives in one search. */
const mostDocuments = 100;

export const retrieve = defineOperator(
  {
    name: 'retrieve',
    summary: 'Attaches the k best documents of the corpus to each prompt.',
    contract: {
      in: 'query and embeddings; a clip where there is one.',
      out: 'context: at most k documents with their ranks: those that the prompt names, in its order, then best first; found by the words (BM25), the caption’s embedding, and the image’s where the prompt holds one; never the query’s own medium or a near-duplicate of it. With them the near-duplicates, for deduplicate, and the state of the corpus. What the request says about retrieval comes before the configuration. Nothing is found rather than something that does not fit: the prompt must name what a caption is about (docs/retrieval.md), or be more like it than unrelated ones of this corpus get. A document whose image the object store does not have, or has with other bytes, is passed over for the next best (of the 100 best), counted, and told of once.',
      drops: 'Nothing.',
      fails:
        'VECTOR_INVALID when embed uses another embedder than the index; INDEX_DAMAGED and STORAGE_UNAVAILABLE after retries.',
      memory: 'As many results as are searched for at once, and the ids of documents without an image.',
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
        .optional()
        .describe(
          'Cosine that a caption must be above that is found by its likeness to the prompt alone. Default: measured, the highest among captions of the corpus that share no word.',
        ),
      min_image_score: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe(
          'The same for a picture beside the prompt’s own. Default: measured, among pictures of such captions.',
        ),
      licences: z.array(z.string()).default([]).describe('Only documents under these; all when empty.'),
      concurrency: z.number().int().min(1).max(64).default(8).describe('Searches at once.'),
    }),
    example: '- retrieve: { mode: hybrid, k: 3, exclude: same-source }',
    needs: ['query', 'embeddings'],
    adds: ['context'],
  },
  (config, { clock, corpus, objects, log, count }) => {
    const missing = new Set<string>();
    return {
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
            onlyNamed: true,
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
          return { context: await withImages(search) };
        },
        { step: 'retrieve', concurrency: config.concurrency, clock },
      ),
    };

    /** Searches on beyond the k best while some of them have no image. */
    async function withImages(search: SearchQuery): Promise<NonNullable<Flow['context']>> {
      const checked = new Map<string, boolean>();
      for (let depth = search.k; ; depth = Math.min(2 * depth, mostDocuments)) {
        const { context, nearDuplicates, corpus: state } = await corpus.search({ ...search, k: depth });
        const unknown = context.filter(({ document }) => !checked.has(document));
        await Promise.all(unknown.map(async (entry) => checked.set(entry.document, await hasImage(entry))));
        const entries = context.filter(({ document }) => checked.get(document)).slice(0, search.k);
        if (entries.length === search.k || context.length < depth || depth >= mostDocuments)
          return { entries, nearDuplicates, corpus: state };
      }
    }

    async function hasImage({ document, image }: ContextEntry): Promise<boolean> {
      const found = await objects.stat(image.key);
      if (found?.sha256 === image.sha256) return true;
      count?.('document-without-image');
      if (!missing.has(document))
        log.warn(
          { document, key: image.key, found: found?.sha256 ?? null },
          'The image of a document is not in the object store: the document is no context. Add its medium again, or remove the document',
        );
      missing.add(document);
      return false;
    }
  },
);
