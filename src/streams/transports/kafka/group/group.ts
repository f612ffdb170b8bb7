import { VimiError } from '../../../../core/errors.js';
import type { Log } from '../../../../core/log.js';
import { within } from '../../../../core/within.js';
import type { AssignedPartition, ConsumeOptions, Consumer, GroupPosition, TopicPartition } from '../../transport.js';
import { metadataBudget } from '../../transport.js';
import { closedError, type KafkaClient } from '../client/client.js';
import { type Cursor, Fetcher } from '../reading/fetcher.js';
import { Transactions } from '../writing/transactions.js';
import { type Assignment, keyOf } from './assignment.js';
import { MemberNotes } from './member-notes.js';
import { Membership } from './membership.js';
import { endsOf } from './offsets.js';

export interface GroupOf {
  options: ConsumeOptions;
  /** For the group: a join may hold its connection for as long as another member drains. */
  membership: KafkaClient;
  /** For everything else. */
  work: KafkaClient;
  sessionMs: number;
  /** Where members of this machine are noted, for the next process. */
  notes?: string | undefined;
  onTrouble(error: VimiError): void;
  log?: Log;
}

interface Owned extends TopicPartition {
  transactions: Transactions;
  /** Aborted: it is being given up. */
  leaving: AbortController;
  /** Null until the previous owner is fenced. */
  cursor: Cursor | null;
  gone: boolean;
}

/** A partition that was lost to another process is not fought for at once. */
const lostPause = 5;
/** Beyond the drain time of another member, for the partitions that it gives up to arrive here. */
const arrivalMs = 10_000;

/** What one process owns of a group, kept in line with what the group's leader gives it. */
export class GroupConsumer implements Consumer {
  readonly #of: GroupOf;
  readonly #membership: Membership;
  readonly #fetcher: Fetcher;
  readonly #owned = new Map<string, Owned>();
  #assignment: Assignment | null = null;
  #closing: Promise<void> | undefined;
  #isClosing = false;
  #onReady: ((error?: VimiError) => void) | undefined;

  constructor(of: GroupOf) {
    this.#of = of;
    const { options, work, onTrouble } = of;
    this.#fetcher = new Fetcher(work, onTrouble);
    this.#membership = new Membership({
      client: of.membership,
      group: options.group,
      topics: options.topics,
      sessionMs: of.sessionMs,
      notes: of.notes === undefined ? undefined : new MemberNotes(of.notes),
      claims: () => {
        const all = [...this.#owned.values()];
        const places = (some: Owned[]) => some.map(({ topic, partition }) => ({ topic, partition }));
        return {
          owned: places(all.filter(({ leaving }) => !leaving.signal.aborted)),
          leaving: places(all.filter(({ leaving }) => leaving.signal.aborted)),
        };
      },
      onAssignment: (assignment) => {
        this.#assignment = assignment;
        const { partitions, moving } = assignment;
        of.log?.info({ group: options.group, partitions: partitions.map(keyOf).join(' '), moving }, 'Rebalanced');
        this.#reconcile();
      },
      onTrouble,
      onError: (error) => {
        if (this.#onReady) this.#onReady(error);
        else options.onError(error);
      },
    });
  }

  /** Resolves once this process has what is its share for now. */
  async start(): Promise<void> {
    const { options, work } = this.#of;
    for (const topic of options.topics) await work.attempt(topic, () => work.leadersOf(topic, true));
    if (this.#isClosing) throw closedError(options.group);
    let timer: NodeJS.Timeout | undefined;
    const ready = new Promise<void>((resolve, reject) => {
      this.#onReady = (error) => (error ? reject(error) : resolve());
      timer = setTimeout(resolve, options.drainMs + arrivalMs);
    });
    this.#membership.start();
    try {
      await ready;
    } finally {
      clearTimeout(timer);
      this.#onReady = undefined;
    }
  }

  close(): Promise<void> {
    // Known before anything is given up: what is given up here must not be begun again.
    this.#isClosing = true;
    this.#closing ??= (async () => {
      this.#onReady?.(closedError(this.#of.options.group));
      await Promise.all([...this.#owned.values()].map((owned) => this.#release(owned)));
      await this.#membership.leave(this.#of.work);
      this.#fetcher.close();
      // Who left while the others had yet to join or be given their shares gets no answer to its own.
      await Promise.all([this.#of.membership.close(0), this.#of.work.close()]);
    })();
    return this.#closing;
  }

  #reconcile(): void {
    if (this.#isClosing || !this.#assignment) return;
    const wanted = new Map(this.#assignment.partitions.map((one) => [keyOf(one), one]));
    for (const [key, owned] of this.#owned) if (!wanted.has(key)) void this.#release(owned);
    for (const [key, one] of wanted) if (!this.#owned.has(key)) void this.#acquire(one);
    const isHere = [...wanted.keys()].every((key) => this.#owned.get(key)?.cursor);
    if (isHere && !this.#assignment.moving) this.#onReady?.();
  }

  async #acquire({ topic, partition }: TopicPartition): Promise<void> {
    const { options, work } = this.#of;
    const { group } = options;
    const isMember = () => this.#membership.isMember();
    const owned: Owned = {
      topic,
      partition,
      transactions: new Transactions({ client: work, group, topic, partition, isMember }),
      leaving: new AbortController(),
      cursor: null,
      gone: false,
    };
    this.#owned.set(keyOf(owned), owned);
    const { signal } = owned.leaving;
    try {
      const log = await work.attempt(topic, () => work.topicId(topic), { signal });
      const position = await owned.transactions.begin(signal);
      if (signal.aborted) return;
      // What went before a new group came is not its loss.
      const next =
        position?.offset ?? (await work.attempt(topic, () => endsOf(work, topic), { signal }))[partition]?.low;
      if (signal.aborted) return;
      owned.cursor = this.#fetcher.add({ topic, partition, next: next ?? 0, log }, (from, to) =>
        options.onLost?.({ topic, partition }, from, to),
      );
      options.onAssigned(this.#assigned(owned, owned.cursor, position));
      this.#reconcile();
    } catch (thrown) {
      if (signal.aborted) return;
      this.#owned.delete(keyOf(owned));
      const error = thrown as VimiError;
      if (this.#onReady) this.#onReady(error);
      else options.onError(error);
    }
  }

  #assigned(owned: Owned, cursor: Cursor, position: GroupPosition | null): AssignedPartition {
    const { topic, partition } = owned;
    return {
      topic,
      partition,
      position,
      ...(cursor.log !== null && { log: cursor.log }),
      get reached() {
        return cursor.reached;
      },
      seek: (offset) => cursor.seek(offset),
      take: (most, signal) => cursor.take(most, signal),
      commit: async (outputs, to) => {
        if (owned.gone)
          throw new VimiError('TRANSPORT_FENCED', 'This process no longer owns this partition', {
            where: keyOf(owned),
          });
        const bytes = Buffer.byteLength(to.metadata);
        if (bytes > metadataBudget)
          throw new VimiError('INTERNAL', 'The metadata of a commit is too long', {
            expected: `at most ${metadataBudget} bytes`,
            found: `${bytes} bytes`,
          });
        try {
          await owned.transactions.commit(outputs, to);
        } catch (thrown) {
          // Still here by the group's word, it is begun anew from where the other one left it.
          if ((thrown as VimiError).code === 'TRANSPORT_FENCED') void this.#release(owned, lostPause);
          throw thrown;
        }
      },
    };
  }

  async #release(owned: Owned, pause = 0): Promise<void> {
    if (owned.leaving.signal.aborted) {
      // Somebody else sees to it; `close` must not go on before.
      while (!owned.gone) await new Promise((resolve) => setTimeout(resolve, 10));
      return;
    }
    owned.leaving.abort();
    const { options, work } = this.#of;
    const { topic, partition } = owned;
    if (owned.cursor) await within(options.drainMs, Promise.allSettled([options.onRevoked({ topic, partition })]));
    owned.transactions.close();
    owned.gone = true;
    if (owned.cursor) this.#fetcher.remove(owned.cursor);
    if (pause > 0 && !this.#isClosing) await work.pause(pause);
    this.#owned.delete(keyOf(owned));
    if (this.#isClosing) return;
    this.#membership.rejoin();
    this.#reconcile();
  }
}
