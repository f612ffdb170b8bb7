import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { VimiError } from '../../../core/errors.js';
import type { CorpusState } from '../../../events/prompt.js';
import type { CorpusRecord } from '../corpus.js';
import { xorDigest } from '../ranking/digest.js';
import { isRetrievable } from '../ranking/retrieved.js';
import type { Encoder } from './collection.js';
import { OutOfTurn } from './failures.js';
import type { WeaviateHttp } from './http.js';
import { Objects } from './objects.js';
import { removedDocument, type StoredObject, type StoredProperties, storedDocument } from './stored.js';
import { Writer } from './writer.js';

/** What the collection holds, and where it stands in the topic. */
export interface CollectionState extends CorpusState {
  /** Made by the first writer, and whenever records are to come again: what was read of another birth means nothing. */
  birth: string;
  /** What the count and the digest stand for. */
  positions: Positions;
  /** From here on records are to be written again, though they are counted. */
  again?: Positions;
  /** Positions of a while ago, with the time. */
  earlier?: { at: number; positions: Positions }[];
}

type Positions = Record<number, number>;

/**
 * A node that is killed may lose what it acknowledged in its last moments. When one was away, the records of the last one to
 * two of these are written again.
 */
const memoryMs = 60_000;

const record = 'state';
const unborn: CollectionState = { birth: '', positions: {}, documents: 0, digest: '0'.repeat(32) };
/** How often a process that is not the writer looks whether the writer has applied what it waits for. */
const pollMs = 250;
const fields = 'document retrievable clip removed counted partition offset';

/** Brings records into one collection: see stored.ts for how the state stays right, and writer.ts for who writes. */
export class Applying {
  readonly objects: Objects;
  readonly #encoder: Encoder;
  readonly #writer: Writer;
  readonly #log: (id: string, model: string) => void;
  /** The birth of which `positions` was told last. */
  #told: string | null = null;
  #swept = false;
  /** A node was, as far as this process saw. */
  #wasAway = false;

  constructor(
    http: WeaviateHttp,
    collection: string,
    { encoder, onForeign }: { encoder: Encoder; onForeign(id: string, model: string): void },
  ) {
    this.objects = new Objects(http, collection);
    this.#encoder = encoder;
    this.#writer = new Writer(http, this.objects);
    this.#log = onForeign;
  }

  async state(): Promise<CollectionState> {
    return (await this.objects.getRecord<CollectionState>(record)) ?? unborn;
  }

  async positions(): Promise<Record<number, number>> {
    const state = await this.state();
    this.#told = state.birth;
    return fedUpTo(state);
  }

  /** Resolves when the collection has them, whoever wrote them. INDEX_DAMAGED when it was started anew meanwhile. */
  async apply(records: readonly CorpusRecord[], signal: AbortSignal): Promise<void> {
    try {
      await this.#apply(records, signal);
    } catch (thrown) {
      this.#wasAway ||= mayBeAway(thrown);
      throw thrown;
    }
  }

  async #apply(records: readonly CorpusRecord[], signal: AbortSignal): Promise<void> {
    for (;;) {
      const state = await this.state();
      if (this.#told !== null && state.birth !== this.#told) throw startedAgain();
      if (wantedOf(records, state).length === 0) break;
      if (await this.#writer.isMine()) {
        await this.#writeMine(records);
        continue;
      }
      await sleep(pollMs, undefined, { signal });
    }
    this.#writer.rest();
  }

  release(): Promise<void> {
    return this.#writer.release();
  }

  async #writeMine(records: readonly CorpusRecord[]): Promise<void> {
    // It may have changed before the turn came here.
    const state = await this.state();
    if (this.#told !== null && state.birth !== this.#told) throw startedAgain();
    if (!this.#wasAway) return this.#write(state, records);
    await this.#rewind(state);
    this.#wasAway = false;
    throw new OutOfTurn('a node that was away: its last records come again', this.objects.collection);
  }

  async #rewind(state: CollectionState): Promise<void> {
    const from = state.earlier?.at(0)?.positions ?? {};
    const again = Object.fromEntries(
      Object.keys(state.positions).map((partition) => [partition, from[+partition] ?? 0]),
    );
    await this.objects.putRecord(record, { ...state, birth: randomUUID(), again }, () => this.#confirm());
  }

  async #write(state: CollectionState, records: readonly CorpusRecord[]): Promise<void> {
    // What comes again is counted already; a replica that misses some of it could not say so. New records follow after it.
    const all = wantedOf(records, state);
    const again = all.filter(
      ({ partition, offset }) => partition in (state.again ?? {}) && offset < (state.positions[partition] ?? 0),
    );
    const isAgain = again.length > 0;
    const wanted = isAgain ? again : all;
    const last = new Map(wanted.filter(({ id }) => id !== '').map((one) => [one.id, one]));
    const before = new Map(
      (await this.objects.byId([...last.keys()], fields)).map((hit) => [
        hit.document,
        hit as unknown as StoredProperties,
      ]),
    );
    const next: CollectionState = { ...state, birth: state.birth || randomUUID(), positions: { ...state.positions } };
    for (const { partition, offset } of wanted)
      next.positions[partition] = Math.max(offset + 1, next.positions[partition] ?? 0);
    next.again = stillAgain(wanted, state);
    next.earlier = earlierThan(state);

    const { collection } = this.objects;
    const removed: string[] = [];
    const objects = [...last].flatMap(([id, { partition, offset, document }]) => {
      const old = before.get(id);
      const counted = old !== undefined && isCounted(old, state);
      if (!isAgain && counted !== (document !== null && isRetrievable(document))) {
        next.documents += counted ? -1 : 1;
        next.digest = xorDigest(next.digest, id);
      }
      const placed = { partition, offset, counted };
      if (document) {
        const object = storedDocument(collection, document, placed, this.#encoder);
        if (isAgain && object.vectors) object.vectors = asNew(object.vectors, state.birth);
        if (!object.vectors && isRetrievable(document)) this.#log(id, document.embeddings.model);
        return [object];
      }
      if (!old && !isAgain) return [];
      removed.push(id);
      return [removedDocument(collection, id, placed)];
    });
    const confirm = () => this.#confirm();
    await this.objects.write(objects, confirm);
    await this.objects.putRecord(record, next, confirm);
    if (this.#told === state.birth) this.#told = next.birth;
    // Counted no more: what is left of them may go.
    await this.objects.remove(removed);
    if (!this.#swept) await this.#sweep(next);
    this.#swept = true;
  }

  /** What a writer that was killed left of removed documents. */
  async #sweep(state: CollectionState): Promise<void> {
    const where = [{ path: 'removed', is: 'Equal', flag: true }] as const;
    const hits = await this.objects.hits({ where, limit: 1000, fields });
    const left = hits.filter((hit) => isPast(hit as unknown as StoredProperties, state));
    await this.objects.remove(left.map(({ document }) => document));
  }

  async #confirm(): Promise<void> {
    if (await this.#writer.confirm()) return;
    throw new OutOfTurn('another process writes now', this.objects.collection);
  }
}

/**
 * A node that went and came back before the cluster missed it shows by a call that failed alone, and may have lost as much:
 * after any trouble the last records are written again.
 */
function mayBeAway(thrown: unknown): boolean {
  return thrown instanceof VimiError && thrown.code === 'SEARCH_UNAVAILABLE' && !(thrown instanceof OutOfTurn);
}

/**
 * The engine does not index a vector again that it has stored already, though its index may have lost it. So what is written
 * again is longer by a share of at most 1e-4, another one each time, which no cosine feels.
 */
function asNew(vectors: NonNullable<StoredObject['vectors']>, birth: string): NonNullable<StoredObject['vectors']> {
  const length = 1 + (1e-4 * (1 + Number.parseInt(birth.slice(0, 4), 16))) / 0x10000;
  const longer = (vector: readonly number[]) => vector.map((value) => value * length);
  return { caption: longer(vectors.caption), image: longer(vectors.image) };
}

function startedAgain(): VimiError {
  return new VimiError('INDEX_DAMAGED', 'The search index was started again: its own positions come first');
}

/** Next offset wanted of each partition. */
function fedUpTo({ positions, again }: CollectionState): Positions {
  return { ...positions, ...again };
}

function wantedOf(records: readonly CorpusRecord[], state: CollectionState): CorpusRecord[] {
  const next = fedUpTo(state);
  return records.filter(({ partition, offset }) => offset >= (next[partition] ?? 0));
}

function stillAgain(written: readonly CorpusRecord[], { again, positions }: CollectionState): Positions | undefined {
  if (!again) return undefined;
  const left = { ...again };
  for (const { partition, offset } of written) if (partition in left) left[partition] = offset + 1;
  for (const partition of Object.keys(left)) if (left[+partition]! >= positions[+partition]!) delete left[+partition];
  return Object.keys(left).length > 0 ? left : undefined;
}

function earlierThan({ earlier = [], positions }: CollectionState): NonNullable<CollectionState['earlier']> {
  const at = Date.now();
  const last = earlier.at(-1);
  return last && at - last.at < memoryMs ? earlier : [...earlier.slice(-1), { at, positions }];
}

function isCounted(old: StoredProperties, state: CollectionState): boolean {
  return isPast(old, state) ? (old.retrievable || old.clip) && !old.removed : old.counted;
}

/** The state knows of the record that wrote it. */
function isPast({ partition, offset }: StoredProperties, { positions }: CollectionState): boolean {
  return offset < (positions[partition] ?? 0);
}
