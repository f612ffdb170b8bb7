import { z } from 'zod';
import { type ContextEntry, task } from '../../events/prompt.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { AskedOfContext } from '../../flow/flow.js';
import type { StepContext } from '../../flow/step-context.js';
import type { SearchQuery } from '../../stores/corpus/corpus.js';
import { removableEntry } from '../../stores/removals/removals.js';
import { scoreRange } from '../score-range.js';
import { askedDocuments } from './retrieval/asked-documents.js';
import { narrowed } from './retrieval/narrowed.js';
import { retrieveContext, retrieveMotions } from './retrieval/retrieve-context.js';

/*
 * In      query, embeddings; clip where there is one
 * Out     context: the documents found, images and then motion examples, the near-duplicates of the query's own medium, the state of the corpus
 * Drops   nothing
 * Fails   DOCUMENT_REFUSED (a document that the request pins or excludes), VECTOR_INVALID (an embedder that is not the index's), INDEX_DAMAGED when it is not filled again in time,
 *         STORAGE_UNAVAILABLE when the object store does not say in time whether it has the images
 * Memory  `concurrency` results of at most 100 documents and 64 near-duplicates; the ids of documents without an image
 *
 * The paper retrieves by BM25 on captions; k, the filters, the embeddings and their fusion, the stop words, the names
 * and the noise are ours.
 *
 * A clip is searched for by its caption alone, as a text prompt is: were its keyframe to help, training would see
 * contexts that serving never gets. The image ranking is for prompts that hold an image themselves.
 */

const config = z.strictObject({
  mode: z
    .enum(['hybrid', 'lexical', 'dense'])
    .default('hybrid')
    .describe('lexical: BM25 on captions, as in the paper; dense: embeddings; hybrid: both, fused by rank.'),
  k: z.number().int().min(0).max(16).default(3).describe('Documents to retrieve; 0: none.'),
  motions: z
    .number()
    .int()
    .min(0)
    .max(4)
    .default(0)
    .describe(
      'Clips to retrieve as motion examples; 0: none. The corpus has some if index has clips: true. nano follows the path of what moves in the last one.',
    ),
  names: z
    .boolean()
    .default(true)
    .describe(
      'Documents whose whole caption stands in the prompt come first: for a prompt about a fox and a cupcake, both. Not in dense mode.',
    ),
  tasks: z
    .array(task)
    .default(['text-to-video'])
    .describe('Tasks that are grounded if the request does not set retrieval; in the paper this one.'),
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
    .describe(
      'Most bits (of 64) in which the perceptual hashes of one image may differ. An image never grounds itself.',
    ),
  near_duplicate_likeness: z
    .number()
    .min(-1)
    .max(1)
    .default(0.85)
    .describe(
      'Minimum cosine similarity of the image embeddings; required in addition to the hash, because simple images collide.',
    ),
  min_score: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Minimum cosine similarity for a caption that shares no word with the prompt. Default: measured; the highest among captions of the corpus that share no word.',
    ),
  min_image_score: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'The same for an image against the image of the prompt. Default: measured among images of such captions.',
    ),
  licences: z.array(z.string()).default([]).describe('Only documents with these licences; all if empty.'),
  scores: z
    .record(z.string().min(1).max(64), scoreRange)
    .default({})
    .describe(
      'Limits of the scores that documents carry, such as { nsfw: { max: 0.1 } }. A document without that score is left out.',
    ),
  entities: z
    .boolean()
    .default(false)
    .describe(
      'Also searches for each thing that the prompt names by itself, at most 8, and takes the best of each in turn.',
    ),
  rerank: z
    .boolean()
    .default(true)
    .describe(
      'Whether the cross-encoder that the profile names (search.reranker) orders the candidates. No effect without one.',
    ),
  diversity: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'How much a document that resembles a better one is worth less (maximal marginal relevance); 0: nothing.',
    ),
  candidates: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(24)
    .describe('Documents that the reranker and diversity put in order; without them k are searched for.'),
  concurrency: z.number().int().min(1).max(64).default(8).describe('Searches at once.'),
});
export type RetrieveSettings = z.infer<typeof config>;

export const retrieve = defineOperator(
  {
    name: 'retrieve',
    summary: 'Attaches the k best documents of the corpus to each prompt.',
    contract: {
      in: 'query and embeddings; a clip where there is one.',
      out: 'context: at most k documents with their ranks. Documents that the prompt names come first, in the order of the prompt; the others follow, best first. They are found by words (BM25), by the embedding of the caption, and by the embedding of the image if the prompt has one; never the query’s own medium, a near-duplicate of it, or what was removed from the corpus. Also the near-duplicates, for deduplicate, and the state of the corpus. Retrieval settings of the request come before the configuration. Documents that it pins come first, in its order, whatever they fit, and count towards k; if they are more than k, no other is searched for. `licences`, `scores` and removals hold for them too. The `filter` of a request narrows `licences` and `scores`, and never widens them; where they have no licence in common, nothing is retrieved. What it excludes is not retrieved. No context is better than wrong context: the prompt must name what a caption is about (docs/concepts/retrieval.md), or be more similar to it than unrelated captions of this corpus are. After the images come at most `motions` clips, best first, by the same rules, but for one: if the prompt says that something moves, a clip must show such a motion, whatever it is that moves. If the image or the clip of a document is missing from the object store, or has other bytes, the next best of the 100 best replaces it; this is counted, and logged once.',
      drops: 'Nothing.',
      fails:
        'DOCUMENT_REFUSED if the request pins or excludes a document that is not in the corpus, or pins one that cannot be context; VECTOR_INVALID if embed uses another embedder than the index; INDEX_DAMAGED and STORAGE_UNAVAILABLE after retries.',
      memory: 'The results of the searches at once, and the ids of documents without an image.',
    },
    config,
    example: '- retrieve: { mode: hybrid, k: 3, exclude: same-source }',
    needs: ['query', 'embeddings'],
    optional: ['clip'],
    adds: ['context'],
    counters: {
      'document-without-image':
        'Documents that were skipped because their image or clip is missing from the object store.',
    },
  },
  {
    concurrency: (config) => config.concurrency,
    /** Documents without an image that were logged. */
    open: () => new Set<string>(),
    async process({ query, embeddings, clip }, context) {
      const { config } = context;
      const asked = query.retrieval === false ? { k: 0 } : query.retrieval;
      const isGrounded = Boolean(asked) || config.tasks.includes(query.task);
      const k = asked?.k ?? (isGrounded ? config.k : 0);
      const { pin = [], exclude = [], filter }: AskedOfContext = asked ?? {};
      const allowed = narrowed(config, filter);
      // To a search, no licence at all would be any.
      const isAny = allowed.licences?.length !== 0;
      const wantedMotions = query.retrieval === false ? 0 : (asked?.motions ?? (isGrounded ? config.motions : 0));
      const motions = isAny ? wantedMotions : 0;
      const { source, contentHash, perceptual } = query.self;
      const bringsImage = query.parts.some((part) => 'image' in part);
      const search: SearchQuery = {
        text: query.text,
        textEmbedding: embeddings.text,
        ...(bringsImage && embeddings.image
          ? { imageEmbedding: embeddings.image }
          : embeddings.joint && { imageEmbedding: embeddings.text, textAmongImages: true }),
        mode: asked?.mode ?? config.mode,
        k: isAny ? Math.max(0, k - pin.length) : 0,
        names: config.names,
        onlyNamed: true,
        minScore: config.min_score,
        minImageScore: config.min_image_score,
        ...(allowed.licences?.length && { licences: [...allowed.licences] }),
        exclude: {
          ...(config.exclude === 'same-source' && source !== undefined && { source }),
          contentHash,
          perceptual,
          distance: config.near_duplicate_bits,
          ...(clip && { imageEmbedding: clip.imageEmbedding }),
          likeness: config.near_duplicate_likeness,
        },
      };
      const { corpus, reranker } = context;
      const stages = { ...config, scores: allowed.scores, reranker: config.rerank ? reranker : undefined };
      const around = {
        corpus,
        embed: async (text: string) => context.embedder.text(text),
        isThere: (entry: ContextEntry) => isThere(entry, context),
      };
      const found = await retrieveContext(search, stages, { ...around, without: new Set([...pin, ...exclude]) });
      const without = new Set(exclude);
      const moving = motions > 0 ? await retrieveMotions(search, motions, stages, { ...around, without }) : null;
      // After the search: it waits for an index that is being filled again, in which no document would be known.
      const pinned = await askedDocuments({ pin, exclude }, allowed, context);
      return {
        context: {
          entries: [...pinned, ...found.context, ...(moving?.context ?? [])],
          nearDuplicates: found.nearDuplicates,
          corpus: moving?.corpus ?? found.corpus,
          ...((pin.length + exclude.length > 0 || filter) && {
            asked: {
              ...(pin.length > 0 && { pin }),
              ...(exclude.length > 0 && { exclude }),
              ...(filter && { filter }),
            },
          }),
        },
      };
    },
  },
);

type Context = StepContext<unknown, Set<string>, never, 'document-without-image'>;

/** Neither removed from the corpus, of which the index hears a moment later, nor without its image or clip. */
async function isThere(
  entry: ContextEntry,
  { objects, removals, count, log, state: missing }: Context,
): Promise<boolean> {
  if (removals.of(removableEntry(entry))) return false;
  const { document, image, clip } = entry;
  const needed = clip ? [image, clip] : [image];
  const found = await Promise.all(needed.map(({ key }) => objects.stat(key)));
  const at = needed.findIndex(({ sha256 }, n) => found[n]?.sha256 !== sha256);
  if (at < 0) return true;
  count('document-without-image');
  if (!missing.has(document))
    log.warn(
      { document, key: needed[at]!.key, found: found[at]?.sha256 ?? null },
      `The ${at === 0 ? 'image' : 'clip'} of a document is missing from the object store; skipping the document. Ingest its medium again, or remove the document`,
    );
  missing.add(document);
  return false;
}
