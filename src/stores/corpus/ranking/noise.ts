import { contentStems } from '../../../language/stems.js';
import { words } from '../../../language/words.js';
import { cosine } from './checked-vector.js';

/**
 * How alike get two that have nothing to do with each other? Measured with the corpus's own captions and images, through
 * whatever embedder it has: the likeness of all pairs whose captions share no word. An encoder of meaning raises it by
 * its synonyms, which is the safe side.
 */
export interface Noise {
  caption: Tail;
  image: Tail;
  /** Of captions and the images of others; undefined where their vectors do not compare. */
  shown?: Tail;
}

/** The upper end of a distribution, as peaks over a threshold: of all pairs `share` are above `from`, by `mean` on average. */
interface Tail {
  from: number;
  mean: number;
  share: number;
}

export interface Sampled {
  caption: string;
  vectors: { caption: ArrayLike<number>; image: ArrayLike<number> };
}

/** Documents compared with each other: 32,640 pairs, some tens of milliseconds. */
export const sampleSize = 256;
/** Of so few pairs the highest say nothing of how high others get. */
const leastPairs = 1000;
/** The part of the pairs that is taken for the upper end. */
const upper = 0.01;
/** Searches in which something unrelated may be above the level. */
const searches = 0.01;

/** null where there are too few pairs. */
export function noiseOf(sample: readonly Sampled[]): Noise | null {
  const stems = sample.map(({ caption }) => new Set(contentStems(words(caption))));
  const likeness = { caption: [] as number[], image: [] as number[] };
  const shown: number[] = [];
  for (let i = 0; i < sample.length; i++)
    for (let j = 0; j < i; j++) {
      if ([...stems[i]!].some((stem) => stems[j]!.has(stem))) continue;
      for (const kind of ['caption', 'image'] as const)
        likeness[kind].push(cosine(sample[i]!.vectors[kind], sample[j]!.vectors[kind]));
      const [caption, image] = [sample[i]!.vectors.caption, sample[j]!.vectors.image];
      if (caption.length === image.length) shown.push(cosine(caption, image));
    }
  if (likeness.caption.length < leastPairs) return null;
  return {
    caption: tailOf(likeness.caption),
    image: tailOf(likeness.image),
    ...(shown.length >= leastPairs && { shown: tailOf(shown) }),
  };
}

function tailOf(likeness: number[]): Tail {
  const sorted = likeness.sort((a, b) => b - a);
  const count = Math.ceil(sorted.length * upper);
  const from = sorted[count]!;
  const mean = sorted.slice(0, count).reduce((sum, value) => sum + value - from, 0) / count;
  return { from, mean, share: count / sorted.length };
}

/** Above this two are the same in all but the last digits. */
const same = 0.99;

/**
 * What a search among so many documents must be above: the tail goes on as an exponential one, to where only one search in
 * a hundred would meet something unrelated. Where the noise could not be measured, only what is all but the same.
 */
export function noiseLevel(tail: Tail | undefined, documents: number): number {
  if (!tail) return same;
  return Math.min(same, tail.from + tail.mean * Math.log((tail.share * Math.max(documents, 1)) / searches));
}
