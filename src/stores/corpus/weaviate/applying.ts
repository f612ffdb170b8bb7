import { setTimeout as sleep } from 'node:timers/promises';
import { VimiError } from '../../../core/errors.js';
import { ReadAgain } from '../../follow-topic.js';
import type { CorpusRecord } from '../corpus.js';
import { xorDigest } from '../ranking/digest.js';
import { isRetrievable } from '../ranking/retrieved.js';
import type { Encoder } from './collection.js';
import {
  advanced,
  type CollectionState,
  comingAgain,
  fedUpTo,
  isCounted,
  isPast,
  rewound,
  unborn,
  vectorLength,
  wantedOf,
} from './collection-state.js';
import { OutOfTurn } from './failures.js';
import type { WeaviateHttp } from './http.js';
import { isStartedAgain, type NodeStarts, nodeStarts } from './node-starts.js';
import { most, Objects } from './objects.js';
import { removedDocument, type StoredProperties, storedDocument } from './stored.js';
import { Writer } from './writer.js';

const record = 'state';
/** How often a process that is not the writer looks whether the writer has applied what it waits for. */
const pollMs = 250;
/** How often, and how long, a search looks whether what is written again is written. */
const lookMs = 50;
const standsStillMs = 3_000;
const fields = 'document retrievable clip removed counted partition offset';

/** Brings records into one collection: see stored.ts for how the state stays right, and writer.ts for who writes. */
export class Applying {
  readonly objects: Objects;
  readonly #http: WeaviateHttp;
  readonly #encoder: Encoder;
  readonly #writer: Writer;
  readonly #log: (id: string, model: string) => void;
  /** The birth of which `positions` was told last. */
  #told: string | null = null;
  #swept = false;
  /** A node was, as far as this process saw. */
  #wasAway = false;
  /** Calls of `apply` under way, and the end of `look`: they are not made side by side. */
  #applying = 0;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(
    http: WeaviateHttp,
    collection: string,
    { encoder, onForeign }: { encoder: Encoder; onForeign(id: string, model: string): void },
  ) {
    this.#http = http;
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
    this.#applying++;
    try {
      await this.#looking;
      await this.#apply(records, signal);
    } catch (thrown) {
      this.#wasAway ||= mayBeAway(thrown);
      throw thrown;
    } finally {
      this.#applying--;
    }
  }

  /** Resolves when what is being written again is written, or nothing was written for a while. */
  async untilWritten(): Promise<void> {
    const placeOf = ({ birth, again }: CollectionState) => (again ? JSON.stringify([birth, again]) : null);
    const place = placeOf(await this.state());
    for (let waited = 0; place !== null && waited < standsStillMs; waited += lookMs) {
      await sleep(lookMs);
      if (placeOf(await this.state()) !== place) return;
    }
  }

  /**
   * For when there are no records: looks whether a node was started again, and if so has the last records come again
   * (`rewound`). `moved`: the positions are others than those that were told last.
   */
  look(): Promise<'rewound' | 'moved' | 'same'> {
    if (this.#applying > 0) return Promise.resolve('same');
    const looking = this.#look();
    this.#looking = looking.catch(() => {});
    return looking;
  }

  async #look(): Promise<'rewound' | 'moved' | 'same'> {
    const state = await this.state();
    if (this.#told === null || state.birth === '') return 'same';
    if (state.birth !== this.#told) return 'moved';
    const starts = await nodeStarts(this.#http);
    if (!isStartedAgain(state.starts ?? {}, starts) || !(await this.#writer.isMine())) return 'same';
    try {
      // It may have changed before the turn came here.
      const current = await this.state();
      if (current.birth !== this.#told) return 'moved';
      await this.#rewind(current, starts);
      return 'rewound';
    } finally {
      this.#writer.rest();
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
    return this.#writer.release({ undone: this.#wasAway });
  }

  async #writeMine(records: readonly CorpusRecord[]): Promise<void> {
    // It may have changed before the turn came here.
    const state = await this.state();
    if (this.#told !== null && state.birth !== this.#told) throw startedAgain();
    const starts = await nodeStarts(this.#http);
    if (!this.#wasAway && !this.#writer.leftUndone && !isStartedAgain(state.starts ?? {}, starts)) {
      if (!state.starts) await this.#newTurn();
      return this.#write(state, records, starts);
    }
    await this.#rewind(state, starts);
    throw new OutOfTurn('a node that was away: its last records come again', this.objects.collection);
  }

  /** The last records are to come again, from whoever asks for the positions next. */
  async #rewind(state: CollectionState, starts: NodeStarts): Promise<void> {
    await this.objects.checkReplicas();
    await this.#newTurn();
    await this.objects.putRecord(record, rewound(state, starts), () => this.#confirm());
    this.#wasAway = false;
    this.#writer.leftUndone = false;
  }

  /** A turn is a command in the cluster's log: a node that is started from now on can be told from one that was not. */
  async #newTurn(): Promise<void> {
    if (!(await this.#writer.renew())) throw this.#outOfTurn();
  }

  async #write(state: CollectionState, records: readonly CorpusRecord[], starts: NodeStarts): Promise<void> {
    // What comes again is counted already; a replica that misses some of it could not say so. New records follow after it.
    const all = wantedOf(records, state);
    // In one call, before the state moves on: that is what `untilWritten` waits for.
    const again = comingAgain(all, state).slice(0, most);
    const isAgain = again.length > 0;
    const wanted = isAgain ? again : all;
    const last = new Map(wanted.filter(({ id }) => id !== '').map((one) => [one.id, one]));
    const before = new Map(
      (await this.objects.byId([...last.keys()], fields)).map((hit) => [
        hit.document,
        hit as unknown as StoredProperties,
      ]),
    );
    const next = advanced(state, wanted, starts);

    const { collection } = this.objects;
    const removed: string[] = [];
    /** Without vectors, which make the engine index a document again. */
    const anew: string[] = [];
    const objects = [...last].flatMap(([id, { partition, offset, document }]) => {
      const old = before.get(id);
      const counted = old !== undefined && isCounted(old, state);
      if (!isAgain && counted !== (document !== null && isRetrievable(document))) {
        next.documents += counted ? -1 : 1;
        next.digest = xorDigest(next.digest, id);
      }
      const placed = { partition, offset, counted };
      if (document) {
        const object = storedDocument(collection, document, placed, this.#encoder, vectorLength(state));
        if (!object.vectors && isRetrievable(document)) this.#log(id, document.embeddings.model);
        if (!object.vectors && state.round && (isAgain || !counted)) anew.push(id);
        return [object];
      }
      if (!old && !isAgain) return [];
      removed.push(id);
      return [removedDocument(collection, id, placed)];
    });
    const confirm = () => this.#confirm();
    await this.objects.remove(anew, confirm);
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
    if (!(await this.#writer.confirm())) throw this.#outOfTurn();
  }

  #outOfTurn(): OutOfTurn {
    return new OutOfTurn('another process writes now', this.objects.collection);
  }
}

/**
 * A node that went and came back before the cluster missed it shows by a call that failed alone, and may have lost as much:
 * after any trouble the last records are written again.
 */
function mayBeAway(thrown: unknown): boolean {
  return thrown instanceof VimiError && thrown.code === 'SEARCH_UNAVAILABLE' && !(thrown instanceof OutOfTurn);
}

function startedAgain(): ReadAgain {
  return new ReadAgain('INDEX_DAMAGED', 'The search index was started again: its own positions come first');
}
