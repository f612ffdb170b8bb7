import type { CorpusDocument } from '../../../events/schemas.js';
import { isVector } from '../ranking/checked-vector.js';
import { indexed } from '../ranking/lexical-terms.js';
import { retrievableAs } from '../ranking/retrieved.js';
import { bandsOf } from './bands.js';
import type { Encoder } from './collection.js';
import { keyOf, tokenOf } from './key.js';

/*
 * A document as an object of the engine.
 *
 * `counted` keeps the count and the digest of the state right whatever is interrupted: the engine has no transactions, so
 * documents are written first and the state (with the positions) after them. An object says which record wrote it. If the
 * state is past that record, the state counts the object as it is; if not, `counted` says whether the state counts the
 * document in an earlier version.
 */
export interface StoredProperties {
  document: string;
  /** As an image, and as a clip. */
  retrievable: boolean;
  clip: boolean;
  /** What is left of a removed document until the state no longer counts it. */
  removed: boolean;
  counted: boolean;
  partition: number;
  offset: number;
  words?: string;
  names?: string;
  characters?: string;
  source?: string;
  licence?: string;
  uri?: string;
  file?: string;
  content?: string;
  bands?: string[];
  perceptual?: string;
  caption?: string;
  /** The document; without its vectors where those are the object's. */
  json?: string;
}

/** The property that says whether a document can be retrieved as this. */
export const flagOf = { image: 'retrievable', clip: 'clip' } as const;

export interface StoredObject {
  class: string;
  id: string;
  properties: StoredProperties | Record<string, unknown>;
  vectors?: { caption: number[]; image: number[] };
}

export type Placed = Pick<StoredProperties, 'partition' | 'offset' | 'counted'>;

export function storedDocument(
  collection: string,
  document: CorpusDocument,
  placed: Placed,
  { name, dimensions }: Encoder,
  /** Of the vectors, a power of two: see `vectorLength`. */
  length = 1,
): StoredObject {
  const { caption, provenance, hashes, embeddings, id } = document;
  const { image: retrievable, clip } = retrievableAs(document);
  const { words, names, characters } = indexed(caption);
  const hasVectors =
    embeddings.model === name &&
    isVector(embeddings.caption, dimensions.text) &&
    isVector(embeddings.image, dimensions.image);
  const written = hasVectors ? { ...document, embeddings: { model: embeddings.model, length } } : document;
  return {
    class: collection,
    id: keyOf(id),
    properties: {
      ...{ document: id, retrievable, clip, removed: false, ...placed, caption },
      // What is kept for near-duplicates only is found by no word.
      ...((retrievable || clip) && { words, names, characters: runsOf(characters).join(' ') }),
      ...{ source: tokenOf(provenance.source), licence: tokenOf(provenance.licence), uri: tokenOf(provenance.uri) },
      ...(provenance.sha256 !== undefined && { file: provenance.sha256 }),
      ...{ content: hashes.content, perceptual: hashes.perceptual, bands: bandsOf(hashes.perceptual) },
      json: JSON.stringify(written),
    },
    ...(hasVectors && {
      vectors: { caption: rounded(embeddings.caption, length), image: rounded(embeddings.image, length) },
    }),
  };
}

/** In the place of a document that was removed. */
export function removedDocument(collection: string, id: string, placed: Placed): StoredObject {
  const properties = { document: id, retrievable: false, clip: false, removed: true, ...placed };
  return { class: collection, id: keyOf(id), properties };
}

/** What a caption's characters are indexed as: each, and each with the next. */
function runsOf(characters: string): string[] {
  const split = characters === '' ? [] : characters.split(' ');
  return [...new Set(split.flatMap((one, n) => (n + 1 < split.length ? [one, one + split[n + 1]!] : [one])))];
}

/** What finds a word of a script without spaces among them: its pairs, or the character that it is. */
export function pairsOf(run: string): string[] {
  const split = [...run];
  return split.length < 2 ? split : split.slice(1).map((one, n) => split[n]! + one);
}

export function documentOf(
  json: string,
  vectors?: { caption?: readonly number[]; image?: readonly number[] } | null,
): CorpusDocument {
  const document = JSON.parse(json) as CorpusDocument & { embeddings: { length?: number } };
  if (document.embeddings.caption !== undefined) return document;
  const { model, length = 1 } = document.embeddings;
  const [caption, image] = [vectors?.caption ?? [], vectors?.image ?? []].map((vector) => rounded(vector, 1 / length));
  return { ...document, embeddings: { model, caption: caption!, image: image! } };
}

/** In 32 bits. */
const rounded = (vector: readonly number[], length: number) => Array.from(Float32Array.from(vector), (x) => x * length);
