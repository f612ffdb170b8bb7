import { randomUUID } from 'node:crypto';
import { aliasesOf, writerAlias } from './collection.js';
import type { WeaviateHttp } from './http.js';
import type { Objects } from './objects.js';

/*
 * Who writes. Every process follows the topic and may write, one at a time: the engine has no conditional writes, so two
 * that apply the same records side by side could leave an older state of a document behind.
 *
 * The names of aliases are the one thing that the cluster agrees on (by Raft): an alias is made once, and whoever made
 * COLLECTION_writer_N is the writer of turn N. While it has records to apply it shows so by counting up; it lets go when
 * there are none for a while. Whoever sees no counting for `takeoverMs` makes the alias of the next turn. A writer that has
 * not counted for `ownMs` writes no more, and a call ends after ten seconds, so the turns do not overlap, unless a process
 * stands still exactly between looking at its clock and sending.
 */

export const writerTimes = { ownMs: 8_000, takeoverMs: 20_000, renewMs: 2_000, idleMs: 5_000 };
/** Turns of which the alias is kept, so that none is made twice. */
const keptTurns = 8;

interface Turn {
  turn: number;
  /** null: let go. */
  holder: string | null;
  count: number;
  /** Let go with calls of which it is not known what they left. */
  undone?: boolean;
}

const record = 'writer';

export class Writer {
  readonly #http: WeaviateHttp;
  readonly #objects: Objects;
  readonly #times: typeof writerTimes;
  readonly #me = randomUUID();
  #mine: Turn | null = null;
  /** When it was shown last, by this process's clock. */
  #shown = 0;
  /** What another was seen at, and since when. */
  #seen = { what: '', since: 0, tried: false };
  #idle: NodeJS.Timeout | undefined;
  /** The writer before this one was killed, or said so: some replicas may have half of its last call. */
  leftUndone = false;

  constructor(http: WeaviateHttp, objects: Objects, times = writerTimes) {
    this.#http = http;
    this.#times = times;
    this.#objects = objects;
  }

  /** Whether it is this process's turn; takes it when it is nobody's. */
  async isMine(): Promise<boolean> {
    clearTimeout(this.#idle);
    if (this.#mine && now() - this.#shown < this.#times.renewMs) return true;
    const asked = now();
    const turn = (await this.#objects.getRecord<Turn>(record)) ?? { turn: 0, holder: null, count: 0 };
    if (this.#mine && turn.turn === this.#mine.turn && turn.holder === this.#me) {
      await this.#show({ ...turn, count: turn.count + 1 }, asked);
      return true;
    }
    this.#mine = null;
    const next = await this.#free(turn);
    if (next === null || !(await this.#take(next))) return false;
    this.leftUndone ||= turn.holder !== null || turn.undone === true;
    await this.#begin(next, asked);
    return true;
  }

  /** The turn after this one. False: another has it, or it is not this process's turn. */
  async renew(): Promise<boolean> {
    const asked = now();
    if (!this.#mine) return false;
    const next = this.#mine.turn + 1;
    if (await this.#take(next)) {
      await this.#begin(next, asked);
      return true;
    }
    this.#mine = null;
    return false;
  }

  /** Before each write: it is still this process's turn, and will be for as long as the call may take. */
  async confirm(): Promise<boolean> {
    if (!this.#mine) return false;
    return now() - this.#shown < this.#times.renewMs || this.isMine();
  }

  /** Nothing to write for now: lets go, if it stays so. */
  rest(): void {
    clearTimeout(this.#idle);
    if (this.#mine) this.#idle = setTimeout(() => void this.release().catch(() => {}), this.#times.idleMs).unref();
  }

  /** `undone`: calls failed, and it is not known what they left. */
  async release({ undone = false } = {}): Promise<void> {
    clearTimeout(this.#idle);
    const mine = this.#mine;
    this.#mine = null;
    if (mine && now() - this.#shown < this.#times.ownMs)
      await this.#objects.putRecord(record, { ...mine, holder: null, undone: undone || this.leftUndone });
  }

  async #begin(turn: number, asked: number): Promise<void> {
    await this.#show({ turn, holder: this.#me, count: 0 }, asked);
    await this.#forgetBefore(turn - keptTurns);
  }

  async #show(turn: Turn, asked: number): Promise<void> {
    await this.#objects.putRecord(record, turn);
    this.#mine = turn;
    this.#shown = asked;
  }

  /** The turn to take; null: another has it. */
  async #free({ turn, holder, count }: Turn): Promise<number | null> {
    const what = `${turn} ${holder} ${count}`;
    if (what !== this.#seen.what) this.#seen = { what, since: now(), tried: false };
    const isStill = now() - this.#seen.since >= this.#times.takeoverMs;
    if (holder !== null && !isStill) return null;
    // Somebody took the next turn before; if it never showed, that turn is lost.
    if (this.#seen.tried) return isStill ? Math.max(turn, ...(await this.#turns())) + 1 : null;
    return turn + 1;
  }

  async #take(turn: number): Promise<boolean> {
    const { collection } = this.#objects;
    const { status } = await this.#http.call('POST', '/v1/aliases', {
      body: { alias: this.#alias(turn), class: collection },
      accepts: [422],
    });
    if (status !== 422) return true;
    this.#seen = { ...this.#seen, since: now(), tried: true };
    return false;
  }

  async #turns(): Promise<number[]> {
    const start = this.#alias('');
    return (await aliasesOf(this.#http, start)).map((alias) => Number(alias.slice(start.length)));
  }

  async #forgetBefore(turn: number): Promise<void> {
    for (const old of await this.#turns())
      if (old < turn) await this.#http.call('DELETE', `/v1/aliases/${this.#alias(old)}`, { accepts: [404] });
  }

  #alias(turn: number | ''): string {
    return writerAlias(this.#objects.collection, turn);
  }
}

/** Milliseconds that only go forward. */
const now = () => performance.now();
