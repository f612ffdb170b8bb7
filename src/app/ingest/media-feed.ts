import { batches } from '../../core/batches.js';
import { within } from '../../core/within.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { MediaSettled } from '../../events/schemas.js';
import type { Corpus } from '../../stores/corpus/corpus.js';
import { type Follower, followTopic } from '../../stores/follow-topic.js';
import { KnownMedia, type KnownMedium } from '../../stores/media/known-media.js';
import type { Transport } from '../../streams/transports/transport.js';
import { endsOf } from '../new-records.js';
import { type MediaDefaults, mediaEvent, withDefaults } from './media-event.js';
import type { MediaSource } from './media-source.js';
import { type Offering, offeredBy } from './offered-by.js';
import type { OfferedMedium } from './offered-medium.js';
import { PublicationTimes } from './publication-times.js';
import { isLasting } from './publish-media.js';
import {
  type MediaInput,
  type RecordPlace,
  settledPlaces,
  type UnsettledMedium,
  unsettledMedia,
} from './unsettled-media.js';

/*
 * Feeds a pipeline with media by a window: only so many are published and have no outcome yet. So memory stays bounded, the
 * topic holds little that nobody works on, and a feed that was stopped leaves little behind. What is known already may be
 * left out: the topic of outcomes says what became of each version of each medium. What an earlier feed published and
 * nobody has come to is waited for instead of published again.
 */

export interface MediaFeedOptions extends Omit<Offering, 'isNew'>, MediaDefaults {
  transport: Transport;
  /** Where media are published, and who takes them from there. */
  input: MediaInput;
  /** Where their outcomes are told. */
  outcomes: string;
  /** The index as it is now: what it has lost may come again. */
  corpus: Pick<Corpus, 'find'>;
  /** Where the view of the outcomes may lie; nothing there is kept. */
  file: string;
  /** The most media that are published and have no outcome yet. */
  window: number;
  /**
   * What is not published: media of which it is known what became of them (`known`), of those only the ones that were
   * rejected and are the same (`rejected`), or `nothing`.
   */
  skips: 'known' | 'rejected' | 'nothing';
  /** The same address may come again. Default false. */
  repeats?: boolean;
  /** Called for each medium of this feed that has its outcome. */
  onSettled(medium: MediaSettled): void;
  /** Called for each medium that was rejected before and is the same. */
  onUnchanged(uri: string, error: NonNullable<MediaSettled['error']>): void;
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
}

export interface FeedCounts {
  /** By this feed, and by an earlier one that was stopped: these two have or get an outcome. */
  published: number;
  resumed: number;
  settled: number;
  /** Not published: what became of them is known, and they are the same. */
  known: number;
  unchanged: number;
  /** Settled, or gone from the topic, without an outcome that was told. */
  untold: number;
}

interface Waiting {
  /** Where its record lies, as soon as that is known. */
  place?: RecordPlace;
}

/** Records that are published at once. */
const batch = 500;
/** With nothing heard for so long it is looked whether those that are waited for were settled in silence. */
const quietMs = 5000;
/** Of an earlier feed, so many are remembered; the rest is published again, and recognised. */
const mostLeft = 100_000;

export class MediaFeed {
  readonly counts: FeedCounts = { published: 0, resumed: 0, settled: 0, known: 0, unchanged: 0, untold: 0 };
  readonly #options: MediaFeedOptions;
  readonly #known: KnownMedia;
  readonly #follower: Follower;
  /** By the id of their event. */
  readonly #window = new Map<string, Waiting>();
  /** Published by an earlier feed, without an outcome: by uri. */
  readonly #left = new Map<string, UnsettledMedium>();
  readonly #times = new PublicationTimes();
  #wake = () => {};

  private constructor(options: MediaFeedOptions) {
    const { transport, outcomes, file, log } = options;
    this.#options = options;
    this.#known = new KnownMedia(file);
    this.#follower = followTopic<StoredRecord>({
      what: 'The memory of media',
      read: (from, how) => transport.read(outcomes, { from, ...how }),
      positions: async () => this.#known.positions,
      apply: async (records) => this.#heard(records),
      log,
    });
  }

  /** Knows all outcomes that were told by now, and follows them until it is closed. */
  static async open(options: MediaFeedOptions): Promise<MediaFeed> {
    const feed = new MediaFeed(options);
    try {
      await feed.#findLeft();
      await feed.caughtUp();
    } catch (thrown) {
      await feed.close();
      throw thrown;
    }
    return feed;
  }

  /** Media that are published and have no outcome yet. */
  get open(): number {
    return this.#window.size;
  }

  /** Publishes the media of some sources, until all of them have their outcome or the signal aborts. */
  async run(sources: readonly MediaSource[]): Promise<void> {
    const { signal, passedOver, broken, window, repeats = false } = this.#options;
    const isNew = (uri: string) => repeats || this.#known.isNew(uri);
    const offered = offeredBy(sources, { passedOver, broken, signal, isNew });
    for await (const list of batches(offered, Math.min(batch, window))) {
      const fresh: OfferedMedium[] = [];
      for (const one of list) {
        const medium = withDefaults(one, this.#options);
        if (await this.#isFresh(medium)) fresh.push(medium);
      }
      while (fresh.length > 0) {
        await this.#until(() => this.#window.size < window);
        if (signal.aborted) return;
        await this.#publish(fresh.splice(0, window - this.#window.size));
      }
    }
    await this.#until(() => this.#window.size === 0);
  }

  /** All that was told by now is counted. */
  async caughtUp(): Promise<void> {
    const { transport, outcomes } = this.#options;
    const ends = Object.entries(await endsOf(transport, outcomes));
    await this.#follower.caughtUp(ends.map(([partition, high]) => ({ partition: Number(partition), high })));
  }

  async close(): Promise<void> {
    await this.#follower.close();
    this.#known.close();
  }

  async #isFresh({ uri, version }: OfferedMedium): Promise<boolean> {
    const { skips, corpus, onUnchanged } = this.#options;
    const left = this.#left.get(uri);
    if (left?.version === version) {
      this.#left.delete(uri);
      this.#window.set(left.event, left);
      this.counts.resumed++;
      return false;
    }
    const known = skips === 'nothing' ? undefined : this.#known.of(uri);
    if (known?.version !== version) return true;
    if (known.outcome === 'rejected') {
      if (!known.error || !isLasting(known.error.code)) return true;
      this.counts.unchanged++;
      onUnchanged(uri, known.error);
      return false;
    }
    if (skips === 'rejected') return true;
    if (await isLost(known, uri, corpus)) return true;
    this.counts.known++;
    return false;
  }

  async #publish(media: OfferedMedium[]): Promise<void> {
    const { transport } = this.#options;
    // In the window before they are published: their outcomes may come sooner than the answer.
    const waiting: Waiting[] = [];
    const events = media.map((medium) => {
      const event = this.#nextEvent(medium);
      const one: Waiting = {};
      this.#window.set(event.id, one);
      waiting.push(one);
      return event;
    });
    const records = events.map(({ record }) => ({ ...record, timestamp: this.#times.next() }));
    const places = await transport.publish(records);
    for (const [n, place] of places.entries()) waiting[n]!.place = place;
    this.counts.published += events.length;
    await this.#times.settled();
  }

  /** Another event than all before it that offered the same medium in the same state. */
  #nextEvent(medium: OfferedMedium): ReturnType<typeof mediaEvent> {
    const { topic } = this.#options.input;
    let event = mediaEvent(medium, topic, this.#known.of(medium.uri)?.event ?? '');
    while (this.#window.has(event.id)) event = mediaEvent(medium, topic, event.id);
    return event;
  }

  #heard(records: readonly StoredRecord[]): void {
    for (const settled of this.#known.apply(records.map((record) => ({ ...record, settled: outcomeIn(record) })))) {
      if (this.#left.get(settled.uri)?.event === settled.event) this.#left.delete(settled.uri);
      if (!this.#window.delete(settled.event)) continue;
      this.counts.settled++;
      this.#options.onSettled(settled);
    }
    this.#wake();
  }

  /** Until `isSo`, or the signal aborts. */
  async #until(isSo: () => boolean): Promise<void> {
    const { signal } = this.#options;
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop);
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if (isSo() || signal.aborted) return;
        if (!(await within(quietMs, changed))) await this.#forgetUntold();
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** An outcome may never be heard: its record was removed by the log, or another of the same medium came after it. */
  async #forgetUntold(): Promise<void> {
    const { transport, input } = this.#options;
    const isOver = await settledPlaces(transport, input);
    await this.caughtUp();
    for (const [event, { place }] of this.#window) {
      if (!place || !isOver(place)) continue;
      this.#window.delete(event);
      this.counts.untold++;
    }
  }

  /** What an earlier feed published, and has no outcome yet. */
  async #findLeft(): Promise<void> {
    const { transport, input } = this.#options;
    for await (const medium of unsettledMedia(transport, input)) {
      this.#left.set(medium.uri, medium);
      if (this.#left.size === mostLeft) break;
    }
    // Their outcomes may have been heard before they were found: these are known now.
    const isOver = await settledPlaces(transport, input);
    for (const [uri, { place }] of this.#left) if (isOver(place)) this.#left.delete(uri);
  }
}

/** Delivered, and the corpus has no document of it any more; or kept out of the corpus, where it may be let in again. */
async function isLost({ outcome, reason }: KnownMedium, uri: string, corpus: Pick<Corpus, 'find'>): Promise<boolean> {
  return reason === 'removed' || (outcome === 'delivered' && (await corpus.find({ uri })).length === 0);
}

/** null: a stranger's, the topic is open to all who may write. */
function outcomeIn(record: StoredRecord): MediaSettled | null {
  if (record.value === null) return null;
  try {
    return decodeEvent(record, ['media.settled']).data as MediaSettled;
  } catch {
    return null;
  }
}
