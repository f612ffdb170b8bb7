import { setImmediate as breath } from 'node:timers/promises';
import { VimiError } from '../../core/errors.js';
import { embedderParts } from '../../models/encoders/embedder-name.js';
import type { LeftOut } from '../../stores/keep-lists/keep-list.js';
import { KeptVectors } from './kept-vectors.js';
import { bestFirst, type PassDocument } from './snapshot.js';

export interface DeduplicateOptions {
  /** The least cosine of two images that count as the same. */
  likeness: number;
  /** The score of which the one that stays has most. */
  best: string;
  /** Of the profile: vectors of other encoders do not compare. */
  encoder: string;
  onProgress?(done: number, total: number): void;
  signal?: AbortSignal;
}

/**
 * Semantic deduplication: from the best on, a document stays unless one that stays is at least so much like it, which is
 * then what it is left out for. So each that is left out resembles one that stays, and no two that stay resemble each other.
 * Clips are compared with clips and stills with stills, each by its image. Exact: every document with all that stay.
 * `unknown`: those of another encoder, which are kept. CANCELLED.
 */
export async function deduplicateCorpus(
  documents: readonly PassDocument[],
  { likeness, best, encoder, onProgress, signal }: DeduplicateOptions,
): Promise<{ leftOut: LeftOut[]; unknown: number }> {
  const own = embedderParts(encoder).image;
  const dimensions = documents.find(({ model }) => embedderParts(model).image === own)?.vector.length ?? 0;
  const comparable = documents.filter(
    ({ model, vector }) => embedderParts(model).image === own && vector.length === dimensions,
  );
  const leftOut: LeftOut[] = [];
  let done = 0;
  for (const kind of ['clip', 'still'] as const) {
    const ordered = bestFirst(
      comparable.filter(({ clip }) => (clip === undefined) === (kind === 'still')),
      best,
    );
    const kept: PassDocument[] = [];
    const vectors = new KeptVectors(dimensions);
    for (const document of ordered) {
      if (done++ % 256 === 0) {
        onProgress?.(done, comparable.length);
        await breath();
        if (signal?.aborted) throw new VimiError('CANCELLED', 'The pass was stopped');
      }
      const like = vectors.nearest(document.vector, likeness);
      if (like) {
        const { id, image, clip } = document;
        const told = { document: id, image, ...(clip !== undefined && { clip }) };
        leftOut.push({ ...told, reason: 'like', of: kept[like.at]!.id, likeness: Number(like.cosine.toFixed(6)) });
      } else {
        kept.push(document);
        vectors.add(document.vector);
      }
    }
  }
  return { leftOut, unknown: documents.length - comparable.length };
}
