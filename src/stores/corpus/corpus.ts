import type { ClipRef, ContextEntry, CorpusState, ObjectRef } from '../../events/prompt.js';
import type { CorpusDocument } from '../../events/schemas.js';

export type SearchMode = 'lexical' | 'dense' | 'hybrid';

/** As what a document is retrieved: an image with its caption, or a clip that shows how something moves. */
export type RetrievedAs = 'image' | 'clip';

export interface SearchQuery {
  text: string;
  /** What is looked for. Default image. */
  kind?: RetrievedAs;
  /** Of `text`, unit length. Needed for dense and hybrid. */
  textEmbedding?: number[];
  /** Of an image in the prompt, unit length: searched among the documents' images as a further ranking. */
  imageEmbedding?: number[];
  /** `imageEmbedding` is that of the text: the encoder has texts and images in one space. Default false. */
  textAmongImages?: boolean;
  mode: SearchMode;
  /** Documents wanted, 0 to 100. */
  k: number;
  /** Documents whose caption stands in the text come first, in the text's order (ranking/named.ts); not in dense mode. */
  names?: boolean;
  /**
   * Nothing is found rather than something else: a document is found by its words only if the text names what its caption
   * is about (src/language/names.ts), and by likeness only above the noise (ranking/noise.ts). Without it anything is found that
   * shares a word, and then the nearest, however far. A clip must show a motion that the text names, where it names one
   * (src/language/motions.ts). Default false.
   */
  onlyNamed?: boolean;
  /** In place of the measured noise: the cosine that a caption, or an image, must be above. */
  minScore?: number;
  minImageScore?: number;
  /** Licences that may be used; any when left out. */
  licences?: string[];
  /** What must never be its own context. */
  exclude?: {
    source?: string;
    contentHash?: string;
    /** 64-bit perceptual hash, 16 hex digits: documents at most `distance` bits away (default 6) are left out ... */
    perceptual?: string;
    distance?: number;
    /** ... if their image is at least `likeness` like this one (cosine; default 0.85): simple images share hashes. */
    imageEmbedding?: number[];
    likeness?: number;
  };
}

/** A document (retrievable or not) that looks like the query's own medium. */
export interface NearDuplicate {
  document: string;
  /** Differing bits of 64; 0 with equal `content` is an exact duplicate. */
  distance: number;
  exact: boolean;
  /** Cosine of the image embeddings; null where they cannot be compared. */
  likeness: number | null;
  /** What it looks like over its length (film-hash.ts); undefined for a still. */
  film?: string | undefined;
  source: string;
  uri: string;
  /** The id of the media event that it came from, and the source; undefined: of an older document, not known. */
  event: string;
  eventSource?: string | undefined;
}

/** A document without its vectors. */
export interface DocumentSummary {
  document: string;
  caption: string;
  /** What the event or the text beside the medium said; the caption, unless a step wrote another. */
  said: string;
  image: ObjectRef;
  kind: 'still' | 'clip';
  /** As an image. */
  retrievable: boolean;
  /** Retrievable as a motion example. */
  clip?: ClipRef | undefined;
  uri: string;
  source: string;
  licence: string;
}

/** What documents must have, all of it. */
export interface DocumentFilter {
  id?: string;
  uri?: string;
  source?: string;
  licence?: string;
  /** SHA-256 of the file that it came from. */
  file?: string;
  /** SHA-256 of its image. */
  content?: string;
}

export interface DocumentPage {
  /** An id; empty: from the first on. */
  after: string;
  most: number;
}

export interface SearchResult {
  /** What the text names, then best first; ties broken by document id, so that equal corpora give equal answers. */
  context: ContextEntry[];
  nearDuplicates: NearDuplicate[];
  corpus: CorpusState;
}

/** Where a corpus record stood in the corpus topic. */
export interface CorpusRecord {
  partition: number;
  offset: number;
  id: string;
  /** null: removed (a tombstone). */
  document: CorpusDocument | null;
}

/**
 * The corpus index: a materialised view of the corpus topic, lexical (BM25) and dense (HNSW, cosine), fused by
 * reciprocal rank. It applies records in order, each once, and can always be rebuilt from the topic.
 */
export interface Corpus {
  search(query: SearchQuery): Promise<SearchResult>;
  /** Applies records and remembers the position in one step; records at or below the position are passed over. */
  apply(records: CorpusRecord[]): Promise<void>;
  /** Next offset wanted of each partition. */
  positions(): Promise<Record<number, number>>;
  get(id: string): Promise<CorpusDocument | null>;
  /** In the order of their ids, retrievable or not; with `page`, those whose ids come after one, `most` of them. */
  find(filter: DocumentFilter, page?: DocumentPage): Promise<DocumentSummary[]>;
  /** Told of each document that a record removes, as this process applies it. */
  onRemoved(listener: (id: string) => void): void;
  /** Of an engine of several machines: told when records are to come again, from what `positions` says then. */
  onAgain?(listener: () => void): void;
  state(): Promise<CorpusState>;
  /** Where an engine can: a second index beside this one, to take its place when it is filled. */
  rebuild?(): Promise<CorpusRebuild>;
  close(): Promise<void>;
}

/** An index that is filled beside the one that is searched. */
export interface CorpusRebuild extends Pick<Corpus, 'positions' | 'apply' | 'state'> {
  name: string;
  /** From now on it is searched, by all processes; the ones before it are removed. */
  swap(): Promise<void>;
  /** Removes it. */
  abandon(): Promise<void>;
}
