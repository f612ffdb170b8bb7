import type { CorpusState } from '../../../events/prompt.js';
import type { RetrievedAs } from '../corpus.js';
import { compare } from '../ranking/fusion.js';
import { type Noise, noiseOf, sampleSize } from '../ranking/noise.js';
import type { Condition } from './graphql.js';
import { mostHits, type Objects } from './objects.js';
import { flagOf } from './stored.js';

/** So many documents are looked through for the sample; ids are hashes, so a range of them holds a known share. */
const looked = 4 * sampleSize;

/** The noise of a collection (ranking/noise.ts), of the documents whose ids come first; measured when those change. */
export class NoiseOfCollection {
  readonly #objects: Objects;
  readonly #measured: Partial<Record<RetrievedAs, { at: string; of: string; noise: Noise | null }>> = {};

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async measured({ documents, digest }: CorpusState, kind: RetrievedAs): Promise<Noise | null> {
    const at = `${documents} ${digest}`;
    const before = this.#measured[kind];
    if (before?.at === at) return before.noise;
    const ids = await this.#first(documents, kind);
    const of = ids.join();
    let noise = before?.noise ?? null;
    if (before?.of !== of) {
      const hits = await this.#objects.byId(ids, 'document caption _additional { vectors { caption image } }');
      const sample = hits
        .sort((a, b) => compare(a.document, b.document))
        .flatMap(({ caption, _additional: { vectors } }) =>
          vectors?.caption?.length && vectors.image?.length
            ? [{ caption: String(caption), vectors: { caption: vectors.caption, image: vectors.image } }]
            : [],
        );
      noise = noiseOf(sample);
    }
    this.#measured[kind] = { at, of, noise };
    return noise;
  }

  async #first(documents: number, kind: RetrievedAs): Promise<string[]> {
    for (let share = looked / Math.max(documents, 1); ; share *= 4) {
      const range: Condition[] = share < 1 ? [{ path: 'document', is: 'LessThan', text: hexOf(share) }] : [];
      const hits = await this.#objects.hits({
        where: [{ path: flagOf[kind], is: 'Equal', flag: true }, ...range],
        limit: mostHits,
        fields: 'document',
      });
      if (hits.length < sampleSize && share < 1) continue;
      return hits
        .map(({ document }) => document)
        .sort(compare)
        .slice(0, sampleSize);
    }
  }
}

/** Ids below it are that share of all. */
function hexOf(share: number): string {
  return Math.floor(share * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
