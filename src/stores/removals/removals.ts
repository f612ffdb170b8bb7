import type { ContextEntry } from '../../events/prompt.js';
import type { CorpusDocument, CorpusRemoved, RemovalTarget } from '../../events/schemas.js';

/** What may have been removed: whatever is known of it. */
export interface Removable {
  source?: string;
  uri?: string;
  licence?: string;
  /** The id of a document. */
  document?: string;
  /** SHA-256 of an image, of a clip, and of the file that it came from. */
  image?: string;
  clip?: string;
  file?: string;
}

/** All that is known of a document. */
export function removableOf({ id, image, provenance }: Pick<CorpusDocument, 'id' | 'image' | 'provenance'>): Removable {
  const { source, uri, licence, clip, sha256: file } = provenance;
  return { document: id, image: image.sha256, source, uri, licence, clip, file };
}

/** What a context tells of a document. */
export function removableEntry({
  document,
  image,
  clip,
}: Pick<ContextEntry, 'document' | 'image' | 'clip'>): Removable {
  return { document, image: image.sha256, ...(clip && { clip: clip.sha256 }) };
}

/** What was removed from the corpus and stays out, as the topic of removals says. */
export interface Removals {
  /** The removal that covers it; null: it may stay. */
  of(thing: Removable): CorpusRemoved | null;
  get(target: RemovalTarget): CorpusRemoved | null;
  all(): CorpusRemoved[];
  /** Resolves when all is known that was published before the call. */
  caughtUp(): Promise<void>;
}

/** Of a topology that has no topic for them. */
export const noRemovals: Removals = { of: () => null, get: () => null, all: () => [], caughtUp: async () => {} };

/** The key of a removal's record. */
export function removalKey({ kind, value }: RemovalTarget): string {
  return `${kind}:${value}`;
}

const named = ['document', 'source', 'uri', 'licence'] as const;
const hashed = ['image', 'clip', 'file'] as const;

/** By its key and by the hashes of what went: some 500 bytes a removed document. */
export class RemovalTable {
  readonly #byKey = new Map<string, CorpusRemoved>();
  /** Keys of the removals that name a hash. */
  readonly #byHash = new Map<string, Set<string>>();

  /** null: it was taken back. */
  set(key: string, removal: CorpusRemoved | null): void {
    const old = this.#byKey.get(key);
    for (const hash of old ? hashesOf(old) : []) {
      const keys = this.#byHash.get(hash);
      keys?.delete(key);
      if (keys?.size === 0) this.#byHash.delete(hash);
    }
    this.#byKey.delete(key);
    if (!removal) return;
    this.#byKey.set(key, removal);
    for (const hash of hashesOf(removal)) this.#byHash.set(hash, (this.#byHash.get(hash) ?? new Set()).add(key));
  }

  get(target: RemovalTarget): CorpusRemoved | null {
    return this.#byKey.get(removalKey(target)) ?? null;
  }

  all(): CorpusRemoved[] {
    return [...this.#byKey.values()];
  }

  of(thing: Removable): CorpusRemoved | null {
    if (this.#byKey.size === 0) return null;
    for (const kind of named) {
      const value = thing[kind];
      const removal = value === undefined ? null : this.get({ kind, value });
      if (removal) return removal;
    }
    for (const kind of hashed) {
      const hash = thing[kind];
      const [key] = (hash !== undefined && this.#byHash.get(`${kind} ${hash}`)) || [];
      if (key !== undefined) return this.#byKey.get(key)!;
    }
    return null;
  }
}

function hashesOf(removal: CorpusRemoved): string[] {
  return hashed.flatMap((kind) => (removal[kind] === undefined ? [] : [`${kind} ${removal[kind]}`]));
}
