import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type FeedPipelineOptions, feedPipeline } from '../../../src/app/ingest/feed-pipeline.js';
import { MediaFeed } from '../../../src/app/ingest/media-feed.js';
import { outcomesSince } from '../../../src/app/ingest/media-outcomes.js';
import type { MediaSource } from '../../../src/app/ingest/media-source.js';
import { PassedOver } from '../../../src/app/ingest/passed-over.js';
import { runPipelines } from '../../../src/app/run-pipelines.js';
import { Workspace } from '../../../src/app/workspace.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { StoredRecord } from '../../../src/events/record.js';
import type { MediaAdded, MediaSettled } from '../../../src/events/schemas.js';
import { comparePublished } from '../../../src/flow/order.js';
import { emptyCounts, encodePosition } from '../../../src/streams/delivery/position.js';
import { quartered } from '../../media/make-images.js';
import { discPng, never, testFolder } from '../../media/make-media.js';
import { quietLog } from '../../operators/run-operator.js';
import { patient } from '../../support/patience.js';

/*
 * The topology that ships, on the embedded transport, with a step that holds the media of a stock until it is let go: so the
 * order of things is the test's, and no clock's.
 */

const folder = await testFolder();
const root = join(import.meta.dirname, '../../..');
const topology = join(folder, 'topology.yaml');
const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8')
  .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
  .replace('    - fetch\n', '    - fetch\n    - use: ./hold.mjs\n');
writeFileSync(topology, shipped);
writeFileSync(
  join(folder, 'hold.mjs'),
  `import { defineOperator, z } from '${pathToFileURL(join(root, 'dist/index.js')).href}';
export default defineOperator(
  { name: 'hold', summary: 'Holds media of a stock.', config: z.strictObject({}), needs: ['media'], adds: [] },
  {
    concurrency: () => 64,
    async process({ media }, { signal }) {
      if (media.uri.includes('stock')) await globalThis.holding(signal);
      return {};
    },
  },
);
`,
);

/** Those that are held, and whoever waits for there to be so many. */
const held = { count: 0, most: 0, isOpen: true, release: [] as (() => void)[], onMore: () => {} };
Object.assign(globalThis, {
  holding: (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (held.isOpen) return resolve();
      held.count++;
      held.most = Math.max(held.most, held.count);
      held.release.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
      held.onMore();
    }),
});
function hold(): void {
  Object.assign(held, { count: 0, most: 0, isOpen: false, release: [] });
}
function letGo(): void {
  held.isOpen = true;
  for (const release of held.release) release();
}
const heldAre = (count: number) =>
  new Promise<void>((resolve) => {
    held.onMore = () => held.count >= count && resolve();
    held.onMore();
  });

const workspace = await Workspace.open({ topology, log: quietLog });
const transport = await workspace.transport();
const backfill = workspace.pipeline('backfill');
afterAll(() => workspace.close());

const disc = await discPng(40);
/** Media that all look alike: what becomes of them is no matter here. */
function stock(name: string, count: number): string[] {
  mkdirSync(join(folder, name));
  return Array.from({ length: count }, (_, n) => {
    const path = join(folder, name, `${String(n).padStart(3, '0')}.png`);
    writeFileSync(path, disc);
    return path;
  });
}

function sourceOf(uris: string[], look: () => void = () => {}, version = '1'): MediaSource {
  return {
    name: 'test',
    async *media() {
      for (const uri of uris) {
        look();
        yield { uri, caption: 'a disc', version };
      }
    },
  };
}

function feed(sources: MediaSource[], more: Partial<FeedPipelineOptions> = {}) {
  const settled: MediaSettled[] = [];
  const report = feedPipeline(workspace, backfill, sources, {
    ...{ passedOver: new PassedOver(), broken: [], skips: 'known', signal: never, onUnchanged: () => {} },
    ...more,
    onSettled(one) {
      settled.push(one);
      more.onSettled?.(one);
    },
  });
  return { settled, report };
}

async function recordsIn(topic: string): Promise<number> {
  let count = 0;
  for await (const _ of transport.read(topic)) count++;
  return count;
}

/** In the order that their records tell, over all partitions. */
async function publishedOf(name: string): Promise<string[]> {
  const records: StoredRecord[] = [];
  for await (const record of transport.read('backfill')) records.push(record);
  const uris = records.sort(comparePublished).map((record) => decodeEvent(record, ['media.added']).data as MediaAdded);
  return uris.map(({ uri }) => uri).filter((uri) => uri.includes(name));
}

async function outcomesOf(name: string): Promise<MediaSettled[]> {
  const all: MediaSettled[] = [];
  for await (const one of outcomesSince(transport, 'outcomes')) if (one.uri.includes(name)) all.push(one);
  return all;
}

describe('a feed of media', patient, () => {
  it('has only so many published that have no outcome, and ends when every outcome is known', async () => {
    const uris = stock('stock-window', 30);
    let most = 0;
    let open = () => 0;
    const look = () => {
      most = Math.max(most, open());
    };
    const { settled, report } = feed([sourceOf(uris, look)], {
      window: 4,
      onBegin: (begun) => {
        open = () => begun.open;
      },
      onSettled: look,
    });
    expect(await report).toMatchObject({ published: 30, settled: 30, known: 0, resumed: 0, untold: 0, left: 0 });
    expect(settled.map(({ uri }) => uri).sort()).toEqual(uris);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('that was stopped continues: nothing is published twice, and nothing left out', async () => {
    const uris = stock('stock-stopped', 20);
    const before = await recordsIn('backfill');
    hold();
    const stop = new AbortController();
    const first = feed([sourceOf(uris)], { window: 8, signal: stop.signal, drainMs: 1 });
    await heldAre(1);
    stop.abort();
    const { published, left, ...stopped } = await first.report;
    expect([published, left, stopped.settled]).toEqual([8, 8, 0]);
    letGo();
    const second = await feed([sourceOf(uris)], { window: 8 }).report;
    expect(second).toMatchObject({ published: 12, resumed: 8, settled: 20, known: 0, left: 0 });
    expect((await recordsIn('backfill')) - before).toBe(20);
    expect(await publishedOf('stock-stopped')).toEqual(uris);
    expect(new Set((await outcomesOf('stock-stopped')).map(({ uri }) => uri)).size).toBe(20);
    // All is known now; what changed since, and what is asked for again, is not.
    expect(await feed([sourceOf(uris)]).report).toMatchObject({ published: 0, known: 20, settled: 0 });
    const changed = sourceOf(uris.slice(0, 3), () => {}, '2');
    expect(await feed([changed, sourceOf(uris.slice(3))]).report).toMatchObject({ published: 3, known: 17 });
    expect(await feed([sourceOf(uris.slice(0, 2))], { skips: 'nothing' }).report).toMatchObject({
      published: 2,
      known: 0,
    });
    const corrected = feed([sourceOf(uris.slice(0, 3), () => {}, '2')], { licence: 'CC0-1.0' });
    expect(await corrected.report).toMatchObject({ published: 3, known: 0 });
  });

  it('tells rejects that come again unchanged, and publishes again what may pass now', async () => {
    const missing = join(folder, 'stock-missing.png');
    expect((await feed([sourceOf([missing])]).report).settled).toBe(1);
    const unchanged: string[] = [];
    const again = feed([sourceOf([missing])], { onUnchanged: (uri, { code }) => unchanged.push(`${uri} ${code}`) });
    expect(await again.report).toMatchObject({ published: 0, unchanged: 1, known: 0 });
    expect(unchanged).toEqual([`${missing} MEDIA_NOT_FOUND`]);
    // Delivered, and removed from the corpus since: its document is gone, so it is no longer known.
    const path = join(folder, 'stock-lone.png');
    await quartered().png().toFile(path);
    expect((await feed([sourceOf([path])]).report).settled).toBe(1);
    expect(await feed([sourceOf([path])]).report).toMatchObject({ published: 0, known: 1 });
    const [document] = await (await workspace.corpusIsCurrent()).find({ uri: path });
    const key = Buffer.from(document!.document);
    await transport.publish([{ topic: 'corpus', key, value: null, headers: {} }]);
    expect(await feed([sourceOf([path])]).report).toMatchObject({ published: 1, known: 0 });
  });

  it('leaves new media their way: they have their outcomes while the stock stands still, at its quota', async () => {
    const uris = stock('stock-beside', 60);
    hold();
    const { settled, report } = feed([sourceOf(uris)], { window: 60 });
    const quota = backfill.maxInFlight * 4;
    await heldAre(quota - backfill.maxInFlight);
    const fresh = Array.from({ length: 5 }, (_, n) => join(folder, `fresh-${n}.png`));
    for (const path of fresh) writeFileSync(path, disc);
    const corpus = workspace.pipeline('corpus');
    await feedPipeline(workspace, corpus, [sourceOf(fresh)], {
      ...{ passedOver: new PassedOver(), broken: [], skips: 'known', signal: never, onUnchanged: () => {} },
      onSettled: () => {},
    });
    expect((await outcomesOf('/fresh-')).map(({ uri }) => uri).sort()).toEqual(fresh);
    expect(settled).toEqual([]);
    expect(held.most).toBeLessThanOrEqual(quota);
    letGo();
    expect(await report).toMatchObject({ published: 60, settled: 60, left: 0 });
  });

  it('waits for another process that runs the pipeline, and works on when that one leaves', async () => {
    const uris = stock('stock-other', 6);
    hold();
    const other = new AbortController();
    let isBusy = () => {};
    const busy = new Promise<void>((resolve) => {
      isBusy = resolve;
    });
    const elsewhere = await Workspace.open({ topology, log: quietLog });
    let isRunning = () => {};
    const running = new Promise<void>((resolve) => {
      isRunning = resolve;
    });
    const run = runPipelines(elsewhere, [elsewhere.pipeline('backfill')], {
      ...{ drain: false, signal: other.signal, drainMs: 1, onRunning: () => isRunning() },
    });
    await running;
    const { report } = feed([sourceOf(uris)], { onBusy: () => isBusy() });
    await busy;
    await heldAre(1);
    other.abort();
    await run;
    letGo();
    expect(await report).toMatchObject({ published: 6, settled: 6, left: 0 });
    await elsewhere.close();
  });

  it('does not wait for outcomes that nobody tells', async () => {
    const name = { topic: 'media', group: 'forgetful' };
    const options = {
      ...{ transport, input: name, outcomes: 'outcomes', file: join(folder, 'feed.sqlite'), window: 10 },
      ...{
        corpus: await workspace.corpusIsCurrent(),
        passedOver: new PassedOver(),
        broken: [],
        skips: 'nothing' as const,
      },
      ...{ signal: never, onSettled: () => {}, onUnchanged: () => {}, log: quietLog },
    };
    const forgetful = await MediaFeed.open(options);
    const consumer = await transport.consume({
      ...{ group: name.group, topics: [name.topic], drainMs: 0, onRevoked: async () => {} },
      onError(error) {
        throw error;
      },
      async onAssigned(assigned) {
        for (;;) {
          const taken = await assigned.take(10, never);
          if (taken.length === 0) return;
          const committedOffset = taken.at(-1)!.offset + 1;
          await assigned.commit([], encodePosition({ committedOffset, beyond: [], counts: emptyCounts(), states: {} }));
        }
      },
    });
    await forgetful.run([sourceOf([join(folder, 'never-told.png')])]);
    expect(forgetful.counts).toMatchObject({ published: 1, settled: 0, untold: 1 });
    await consumer.close();
    await forgetful.close();
  });
});
