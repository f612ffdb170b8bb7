import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CorpusDocument } from '../../../src/events/schemas.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import { type CorpusFollower, followCorpus } from '../../../src/stores/corpus/corpus-follower.js';
import { openCorpus } from '../../../src/stores/corpus/index/open-corpus.js';
import { quietLog } from '../../operators/run-operator.js';
import { patient } from '../../support/patience.js';
import { captions, corpusDocument, embedder, query } from './corpus-documents.js';

interface TopicRecord {
  partition: number;
  offset: number;
  document?: CorpusDocument;
}

/** A topic of two partitions in memory, read as a transport reads. */
class Topic {
  readonly records: TopicRecord[] = [];
  private wake: (() => void)[] = [];
  reads = 0;

  add(document?: CorpusDocument): void {
    const partition = this.records.length % 2;
    this.records.push({
      partition,
      offset: this.records.filter((one) => one.partition === partition).length,
      document,
    });
    for (const wake of this.wake.splice(0)) wake();
  }

  ends() {
    return [0, 1].map((partition) => ({
      partition,
      high: this.records.filter((one) => one.partition === partition).length,
    }));
  }

  async *read(from: Record<number, number>, { follow, signal }: { follow: boolean; signal: AbortSignal }) {
    this.reads++;
    const end = this.records.length;
    for (let n = 0; ; n++) {
      if (!follow && n >= end) return;
      while (n >= this.records.length && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.wake.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      if (signal.aborted) return;
      const record = this.records[n]!;
      if (record.offset >= (from[record.partition] ?? 0)) yield record;
    }
  }
}

describe('the corpus follower', () => {
  let path: string;
  let corpus: Corpus;
  let follower: CorpusFollower;
  const warnings: string[] = [];

  async function start(topic: Topic): Promise<void> {
    path = mkdtempSync(join(tmpdir(), 'vimi-follow-'));
    corpus = await openCorpus({ folder: path, embedder, log: quietLog });
    follow(topic);
  }

  function follow(topic: Topic): void {
    follower = followCorpus<TopicRecord>({
      read: (from, options) => topic.read(from, options),
      decode: ({ document }) => (document ? { id: document.id, document } : null),
      corpus,
      log: { warn: (_, message) => warnings.push(message), info: (_, message) => warnings.push(message) },
      retryMs: 1,
    });
  }

  afterEach(async () => {
    await follower.close();
    await corpus.close();
    rmSync(path, { recursive: true, force: true });
  });

  it('catches up with what the topic holds, then follows', async () => {
    const topic = new Topic();
    for (const caption of captions.slice(0, 7)) topic.add(corpusDocument(caption));
    await start(topic);
    await follower.caughtUp();
    expect(await corpus.positions()).toEqual({ 0: 4, 1: 3 });
    topic.add(corpusDocument(captions[7]!));
    await vi.waitFor(async () => expect((await corpus.state()).documents).toBe(8), patient);
    await follower.caughtUp(topic.ends());
    expect((await corpus.search(query('a cat on a sofa'))).context[0]?.caption).toBe(captions[7]);
  });

  it('is caught up at once with an empty topic, and without reading where the positions already are', async () => {
    const topic = new Topic();
    await start(topic);
    await follower.caughtUp();
    topic.add(corpusDocument('one'));
    await follower.caughtUp();
    const { reads } = topic;
    await follower.caughtUp(topic.ends());
    expect(topic.reads).toBe(reads);
  });

  it('passes over what is no document, and says so', async () => {
    const topic = new Topic();
    topic.add(corpusDocument('before'));
    topic.add();
    topic.add(corpusDocument('after'));
    await start(topic);
    await follower.caughtUp();
    expect(await corpus.positions()).toEqual({ 0: 2, 1: 1 });
    expect((await corpus.state()).documents).toBe(2);
    expect(warnings).toContain('Not a corpus document: skipped');
  });

  it('feeds an index that was lost again from the beginning', async () => {
    const topic = new Topic();
    for (const caption of captions.slice(0, 6)) topic.add(corpusDocument(caption));
    await start(topic);
    await follower.caughtUp();
    rmSync(join(path, 'corpus.sqlite'));
    topic.add(corpusDocument(captions[6]!));
    await vi.waitFor(async () => expect((await corpus.state()).documents).toBe(7), patient);
  });

  it('reads again from the positions when the index says so, and says nothing of it', async () => {
    const topic = new Topic();
    for (const caption of captions.slice(0, 4)) topic.add(corpusDocument(caption));
    const applied: string[] = [];
    let positions: Record<number, number> = {};
    let again = () => {};
    const before = warnings.length;
    const following = followCorpus<TopicRecord>({
      read: (from, options) => topic.read(from, options),
      decode: ({ document }) => (document ? { id: document.id, document } : null),
      corpus: {
        positions: async () => positions,
        async apply(records) {
          applied.push(...records.map(({ partition, offset }) => `${partition}/${offset}`));
          for (const { partition, offset } of records) positions = { ...positions, [partition]: offset + 1 };
        },
        onAgain: (listener) => {
          again = listener;
        },
      },
      log: { warn: (_, message) => warnings.push(message), info: (_, message) => warnings.push(message) },
      retryMs: 1,
    });
    await vi.waitFor(() => expect(applied).toEqual(['0/0', '1/0', '0/1', '1/1']), patient);
    positions = { 0: 1, 1: 2 };
    again();
    await vi.waitFor(() => expect(applied.slice(4)).toEqual(['0/1']), patient);
    topic.add(corpusDocument(captions[4]!));
    await vi.waitFor(() => expect(applied.slice(5)).toEqual(['0/2']), patient);
    await following.close();
    expect(warnings.slice(before)).toEqual([]);
    await start(new Topic());
  });

  it('tries again after a failure of the topic', async () => {
    const topic = new Topic();
    for (const caption of captions) topic.add(corpusDocument(caption));
    const read = topic.read.bind(topic);
    let failures = 3;
    topic.read = async function* (from, options) {
      let n = 0;
      for await (const record of read(from, options)) {
        if (n++ === 2 && failures-- > 0) throw new Error('connection reset');
        yield record;
      }
    };
    await start(topic);
    await follower.caughtUp();
    expect((await corpus.state()).documents).toBe(captions.length);
  });

  it('two followers of one index do each other no harm', async () => {
    const topic = new Topic();
    await start(topic);
    const first = follower;
    follow(topic);
    for (const caption of captions) topic.add(corpusDocument(caption));
    await Promise.all([first.caughtUp(), follower.caughtUp()]);
    expect(await corpus.positions()).toEqual({ 0: 5, 1: 5 });
    expect((await corpus.state()).documents).toBe(10);
    await first.close();
  });
});
