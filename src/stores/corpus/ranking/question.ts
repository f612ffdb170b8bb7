import { VimiError } from '../../../core/errors.js';
import { motionsOf } from '../../../language/motions.js';
import { isNamed, isOnlyMentioned } from '../../../language/names.js';
import type { Named, Phrases } from '../../../language/phrase.js';
import { phrasesOf } from '../../../language/phrases.js';
import type { SearchQuery } from '../corpus.js';
import { checkVector } from './checked-vector.js';
import { type LexicalTerms, lexicalTerms } from './lexical-terms.js';

/** Places of each ranking that fusion looks at. */
const leastDepth = 50;
/** Places of the lexical ranking in which captions are looked for that the text names. */
const namesDepth = 1000;

/** What a caption says, as far as it decides whether a document may be found. */
export interface About {
  subjects: readonly Named[];
  /** What happens in it; left out: not known, as of documents that are no clips. */
  motions?: readonly string[];
}

/** Of a caption; what happens in it only where the document is a clip. */
export function aboutOf(caption: Phrases, { clip }: { clip: boolean }): About {
  const { subjects } = caption;
  return { subjects, ...(clip && { motions: motionsOf(caption) }) };
}

/**
 * What a query asks of an engine: up to three rankings, each of so many places. null: that ranking is not wanted. What the
 * engine found becomes an answer in answer.ts.
 */
export interface Question {
  query: SearchQuery;
  asked: Phrases;
  /** Places that count; the lexical ranking may have more, for captions that the text names. */
  depth: number;
  /**
   * `takes`: whether a caption with these words belongs into the ranking. `isAbout` says the same from what it is about, which
   * many captions share; null: all do.
   */
  lexical: {
    terms: LexicalTerms;
    depth: number;
    takes(caption: string): boolean;
    isAbout: ((about: About) => boolean) | null;
  } | null;
  /** Whether a document with this caption cannot be an answer, however like its caption, or its image, is; null: it can. */
  isRuledOut: Record<'caption' | 'image', ((caption: string) => boolean) | null>;
  caption: readonly number[] | null;
  image: readonly number[] | null;
}

export function questionOf(query: SearchQuery): Question {
  const { mode, kind = 'image', names = false, onlyNamed = false } = query;
  // One ranking alone is the answer: what comes after it cannot move up, but where documents are left out of it.
  const isAlone = mode !== 'hybrid' && !query.imageEmbedding && !onlyNamed;
  const depth = isAlone ? query.k : Math.max(leastDepth, 2 * query.k);
  const asked = phrasesOf(query.text);
  const any = lexicalTerms(asked, { named: false });
  // A motion is shown by whatever moves so: then a clip need not be about what the text names.
  const motions = onlyNamed && kind === 'clip' ? motionsOf(asked) : [];
  const moves = (about: About) => motions.some((motion) => about.motions?.includes(motion));
  const isAbout = !onlyNamed ? null : motions.length > 0 ? moves : (about: About) => isNamed(about, asked);
  const terms =
    mode === 'dense' ? null : onlyNamed && motions.length === 0 ? lexicalTerms(asked, { named: true }) : any;
  const about = (caption: string) => aboutOf(phrasesOf(caption), { clip: kind === 'clip' });
  // A text of function words alone, or of none, is like no caption and no image, though its embedding is like some.
  const says = any !== null;
  return {
    query,
    asked,
    depth,
    lexical: terms && {
      terms,
      depth: names ? Math.max(namesDepth, depth) : depth,
      takes: (caption) => isAbout?.(about(caption)) ?? true,
      isAbout,
    },
    isRuledOut: ruledOut(),
    caption: says && mode !== 'lexical' ? query.textEmbedding! : null,
    image: mode !== 'lexical' && (says || !query.textAmongImages) ? (query.imageEmbedding ?? null) : null,
  };

  function ruledOut(): Question['isRuledOut'] {
    if (!onlyNamed) return { caption: null, image: null };
    if (motions.length > 0) {
      const isStill = (caption: string) => !moves(about(caption));
      return { caption: isStill, image: isStill };
    }
    // A text says by its words what it is not about; an image says nothing of words.
    return { caption: (caption) => isOnlyMentioned(phrasesOf(caption), asked), image: null };
  }
}

/** VECTOR_INVALID unless a query's vectors are there and can be searched with. */
export function checkQuery(query: SearchQuery, dimensions: { text: number; image: number }): void {
  if (query.mode !== 'lexical' && query.k > 0 && !query.textEmbedding)
    throw new VimiError('VECTOR_INVALID', `A ${query.mode} search needs the embedding of its text`);
  if (query.textEmbedding) checkVector(query.textEmbedding, dimensions.text, 'text');
  if (query.imageEmbedding) checkVector(query.imageEmbedding, dimensions.image, 'image');
  if (query.exclude?.imageEmbedding) checkVector(query.exclude.imageEmbedding, dimensions.image, 'own image');
}
