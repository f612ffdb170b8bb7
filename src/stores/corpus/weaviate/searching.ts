import type { ContextEntry } from '../../../events/prompt.js';
import type { NearDuplicate, SearchQuery, SearchResult } from '../corpus.js';
import { answerTo } from '../ranking/answer.js';
import { compare } from '../ranking/fusion.js';
import { indexed, type LexicalTerms } from '../ranking/lexical-terms.js';
import { likenessOf, nearDuplicate, nearest } from '../ranking/near-duplicates.js';
import { type Question, questionOf } from '../ranking/question.js';
import { entryOf } from '../ranking/retrieved.js';
import { bandsNear, bitsBetween, isFlat, mostBits } from './bands.js';
import type { Encoder } from './collection.js';
import type { Condition, GetQuery } from './graphql.js';
import { tokenOf } from './key.js';
import type { NoiseOfCollection } from './noise-of-collection.js';
import { type Hit, mostHits, type Objects } from './objects.js';
import { documentOf, flagOf, pairsOf } from './stored.js';

/** A document at its place in one ranking. */
interface Ranked {
  id: string;
  caption: string;
  score: number;
}

/**
 * One search in one collection. The engine gives candidates (BM25, HNSW) with what filters can say; what belongs into the
 * answer is decided by the rules that all engines share (src/stores/corpus/ranking).
 */
export class Searching {
  readonly #objects: Objects;
  readonly #encoder: Encoder;
  readonly #noise: NoiseOfCollection;

  constructor(objects: Objects, encoder: Encoder, noise: NoiseOfCollection) {
    this.#objects = objects;
    this.#encoder = encoder;
    this.#noise = noise;
  }

  async search(query: SearchQuery, corpus: SearchResult['corpus']): Promise<SearchResult> {
    const { near, nearDuplicates } = await this.#nearDuplicates(query);
    const context = query.k > 0 ? await this.#rank(query, near, corpus) : [];
    return { context, nearDuplicates, corpus };
  }

  async #rank(query: SearchQuery, near: ReadonlySet<string>, corpus: SearchResult['corpus']): Promise<ContextEntry[]> {
    const question = questionOf(query);
    const { kind = 'image' } = query;
    const { lexical, caption, image, depth } = question;
    const where = allowed(query);
    const [words, captions, images, noise] = await Promise.all([
      lexical ? this.#lexicalRanking(lexical, where, near) : [],
      caption ? this.#denseRanking('caption', caption, depth, where, near) : [],
      image ? this.#denseRanking('image', image, depth, where, near) : [],
      query.onlyNamed ? this.#noise.measured(corpus, kind) : null,
    ]);
    const best = answerTo<Ranked>(
      question,
      { lexical: words, caption: captions, image: images },
      // Images and clips together: at most so many.
      { noise: () => noise, searchable: corpus.documents, captionOf: (hit) => hit.caption },
    );
    const hits = await this.#objects.byId(
      best.map(({ hit }) => hit.id),
      'document json',
    );
    const documents = new Map(hits.map((hit) => [hit.document, documentOf(hit.json as string)]));
    return best.flatMap(({ hit: { id }, score, ranks }) => {
      // It may have been removed since it was ranked.
      const document = documents.get(id);
      return document ? [{ ...entryOf(document, kind), score, ranks }] : [];
    });
  }

  #lexicalRanking(
    { terms, depth, takes }: NonNullable<Question['lexical']>,
    where: readonly Condition[],
    near: ReadonlySet<string>,
  ): Promise<Ranked[]> {
    const { stems, runs, names } = terms;
    const words = [...new Set([...stems, ...runs.flatMap(pairsOf), ...(names ?? [])])];
    // Names choose, they do not rank: a thousandth puts those with nothing else last.
    const properties = ['words^1000', 'characters^1000', ...(names ? ['names^1'] : [])];
    const about: Condition[] = names ? [{ path: 'names', is: 'ContainsAny', texts: names }] : [];
    const isFound = names ? () => true : foundBy(terms);
    return this.#ranking(
      { bm25: { words, properties }, where: [...where, ...about] },
      { depth, near, takes: (caption) => takes(caption) && isFound(caption) },
    );
  }

  #denseRanking(
    target: 'caption' | 'image',
    vector: readonly number[],
    depth: number,
    where: readonly Condition[],
    near: ReadonlySet<string>,
  ): Promise<Ranked[]> {
    return this.#ranking({ near: { vector, target }, where }, { depth, near, takes: () => true });
  }

  /**
   * The first `depth` places. Documents with equal scores come in any order from the engine, so more are fetched until
   * those at the last place are all there; then the id decides.
   */
  async #ranking(
    query: Pick<GetQuery, 'where' | 'bm25' | 'near'>,
    { depth, near, takes }: { depth: number; near: ReadonlySet<string>; takes(caption: string): boolean },
  ): Promise<Ranked[]> {
    const fields = `document caption _additional { ${query.bm25 ? 'score' : 'distance'} }`;
    for (let limit = Math.min(depth + near.size + 16, mostHits); ; limit = Math.min(4 * limit, mostHits)) {
      const hits = (await this.#objects.hits({ ...query, limit, fields }))
        .map((hit) => ({ id: hit.document, caption: String(hit.caption), score: scoreOf(hit) }))
        .sort((a, b) => b.score - a.score || compare(a.id, b.id));
      const isAll = hits.length < limit || limit === mostHits;
      const edge = hits.at(-1)?.score;
      const taken = hits.filter(
        ({ id, caption, score }) => (isAll || score !== edge) && !near.has(id) && takes(caption),
      );
      if (isAll || taken.length >= depth) return taken.slice(0, depth);
    }
  }

  async #nearDuplicates(query: SearchQuery): Promise<{ near: Set<string>; nearDuplicates: NearDuplicate[] }> {
    const like = likenessOf(query);
    const bits = new Map<string, number>();
    if (like.perceptual !== undefined && !isFlat(like.perceptual))
      for await (const { document, perceptual } of this.#looks(like.perceptual, like.distance)) {
        const different = typeof perceptual === 'string' ? bitsBetween(perceptual, like.perceptual) : 64;
        if (different <= like.distance) bits.set(document, different);
      }
    if (like.contentHash !== undefined) {
      const where = [{ path: 'content', is: 'Equal', text: like.contentHash }] as const;
      for (const { document } of await this.#objects.hits({ where, limit: mostHits, fields: 'document' }))
        bits.set(document, bits.get(document) ?? 0);
    }
    const found = new Map<string, NearDuplicate>();
    const hits = await this.#objects.byId([...bits.keys()], 'document json _additional { vectors { caption image } }');
    for (const { document: id, json, _additional } of hits) {
      if (typeof json !== 'string') continue;
      const document = documentOf(json, _additional.vectors);
      const duplicate = nearDuplicate(document, bits.get(id)!, like, this.#encoder);
      if (duplicate) found.set(id, duplicate);
    }
    return { near: new Set(found.keys()), nearDuplicates: nearest(found.values()) };
  }

  /** Documents whose hash may be near, and some more. */
  async *#looks(perceptual: string, distance: number): AsyncGenerator<Hit> {
    const fields = 'document perceptual';
    if (distance > mostBits) return yield* this.#objects.all(fields);
    const where = [{ path: 'bands', is: 'ContainsAny', texts: bandsNear(perceptual, distance) }] as const;
    yield* await this.#objects.hits({ where, limit: mostHits, fields });
  }
}

/** What every ranking is limited to. */
function allowed({ kind = 'image', exclude, licences }: SearchQuery): Condition[] {
  return [
    { path: flagOf[kind], is: 'Equal', flag: true },
    ...(exclude?.source === undefined
      ? []
      : [{ path: 'source', is: 'NotEqual', text: tokenOf(exclude.source) } as const]),
    ...(licences?.length
      ? [{ path: 'licence', is: 'ContainsAny', texts: licences.map((licence) => tokenOf(licence)) } as const]
      : []),
  ];
}

/** The engine finds words of a script without spaces by their pairs; all of a word must stand in the caption. */
function foundBy({ stems, runs }: LexicalTerms): (caption: string) => boolean {
  if (runs.every((run) => [...run].length <= 2)) return () => true;
  return (caption) => {
    const { words, characters } = indexed(caption);
    const split = new Set(words.split(' '));
    const text = characters.replaceAll(' ', '');
    return stems.some((stem) => split.has(stem)) || runs.some((run) => text.includes(run));
  };
}

function scoreOf({ _additional: { score, distance } }: Hit): number {
  return distance === undefined ? Number(score) : 1 - distance;
}
