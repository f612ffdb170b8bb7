import { type Fused, fuse } from './fusion.js';
import { namedIn } from './named.js';
import { type Noise, noiseLevel } from './noise.js';
import type { Question } from './question.js';

/** What an engine found, best first. */
export interface Found<H extends { id: string }> {
  lexical: readonly (H & { caption: string })[];
  /** `score`: the cosine. */
  caption: readonly (H & { score: number })[];
  image: readonly (H & { score: number })[];
}

export interface AnswerFacts<H> {
  /** Of the corpus; asked for only where it decides. */
  noise(): Noise | null;
  /** Documents that can be retrieved as what is looked for, and have vectors. */
  searchable: number;
  captionOf(hit: H): string;
}

/** The best of what was found, by the rules of corpus.ts (`names`, `onlyNamed`, `minScore`) and fusion. */
export function answerTo<H extends { id: string }>(
  { query, asked, depth, isRuledOut }: Question,
  found: Found<H>,
  { noise, searchable, captionOf }: AnswerFacts<H>,
): Fused<H>[] {
  const { names = false, onlyNamed = false, minScore, minImageScore = minScore, textAmongImages = false } = query;
  const named = names ? namedIn(asked, found.lexical) : [];
  const isNamed = new Set(named);
  const measured = onlyNamed ? noise() : null;
  const above = (kind: keyof Noise, given: number | undefined) => {
    const level = given ?? (onlyNamed ? noiseLevel(measured?.[kind], searchable) : -1);
    const rules = isRuledOut[kind === 'image' ? 'image' : 'caption'];
    return (hit: H & { score: number }) => ({
      hit,
      fits: hit.score > level && !rules?.(captionOf(hit)),
    });
  };
  return fuse<H>(
    {
      named: named.map(({ id }) => id),
      lexical: found.lexical.filter((hit, n) => n < depth || isNamed.has(hit)).map((hit) => ({ hit, fits: true })),
      dense: found.caption.map(above('caption', minScore)),
      image: found.image.map(above(textAmongImages ? 'shown' : 'image', minImageScore)),
    },
    query.k,
  );
}
