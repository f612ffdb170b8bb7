import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { IndexSnapshots } from '../../src/app/index-snapshots.js';
import { documentRemoval, removedDocument } from '../../src/app/removal/removal-records.js';
import { tendIndex } from '../../src/app/tend-index.js';
import { Workspace } from '../../src/app/workspace.js';
import type { Log } from '../../src/core/log.js';
import { encodeEvent } from '../../src/events/cloudevents.js';
import { noteCurrent } from '../../src/stores/corpus/index/index-age.js';
import type { EmbeddedCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { storedSnapshots } from '../../src/stores/corpus/snapshots/stored-snapshot.js';
import { testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { captions, corpusDocument } from '../stores/corpus/corpus-documents.js';
import { patience } from '../support/patience.js';

const folder = await testFolder();
const topology = join(folder, 'topology.yaml');
const day = 24 * 3_600_000;

function writeTopology(every: number): void {
  const shipped = readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8');
  const search = 'search: { type: embedded, path: .vimi/index';
  writeFileSync(
    topology,
    shipped.replace(/search: \{ type: embedded/, `search: { type: embedded, snapshot_every: ${every}`),
  );
  expect(readFileSync(topology, 'utf8'), search).toContain(`snapshot_every: ${every}`);
}

async function inWorkspace<T>(work: (workspace: Workspace, lines: string[]) => Promise<T>): Promise<T> {
  const lines: string[] = [];
  const line = (_: object, message?: string) => lines.push(message ?? '');
  const log = { ...quietLog, info: line, warn: line } as Log;
  const workspace = await Workspace.open({ topology, env: {}, log });
  try {
    return await work(workspace, lines);
  } finally {
    await workspace.close();
  }
}

async function publish(workspace: Workspace, ...texts: string[]): Promise<void> {
  const topic = workspace.corpusTopic();
  const events = texts.map((caption) => {
    const document = corpusDocument(caption);
    return encodeEvent({
      schema: 'corpus.document',
      id: document.id,
      source: '/test',
      topic,
      key: document.id,
      data: document,
    });
  });
  await (await workspace.transport()).publish(events);
}

const list = async (workspace: Workspace) =>
  (await storedSnapshots(await workspace.objects(), workspace.corpusTopic())).snapshots.map(
    ({ manifest }) => manifest!,
  );

beforeAll(() => writeTopology(5));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In order: each goes on with what the one before left.
describe.sequential('an index and its snapshots', { timeout: patience(120) }, () => {
  it('stores one at a planned stop, if what is new is worth it', async () => {
    await inWorkspace(async (workspace) => {
      const index = await tendIndex(workspace);
      await workspace.corpusIsCurrent();
      await index.stop();
      expect(await list(workspace)).toEqual([]);
      const again = await tendIndex(workspace);
      await publish(workspace, ...captions.slice(0, 4));
      await workspace.corpusIsCurrent();
      await again.stop();
      expect(await list(workspace)).toMatchObject([{ documents: 4 }]);
    });
  });

  it('is begun with, and what came later is read from the topic', async () => {
    await inWorkspace((workspace) => publish(workspace, captions[4]!));
    rmSync(join(folder, '.vimi/index'), { recursive: true });
    await inWorkspace(async (workspace, lines) => {
      const reads = vi.spyOn(await workspace.transport(), 'read');
      const corpus = await workspace.corpusIsCurrent();
      expect(lines).toContain('The corpus index begins with a snapshot');
      expect(statSync(join(folder, '.vimi/index')).mode.toString(8)).toBe('40700');
      expect((await corpus.state()).documents).toBe(5);
      const [manifest] = await list(workspace);
      for (const [topic, options] of reads.mock.calls)
        if (topic === workspace.corpusTopic())
          expect(total(options!.from!)).toBeGreaterThanOrEqual(total(manifest!.positions));
    });
  });

  it('calls a snapshot current again while nothing changes, and never uses one that outlived tombstones', async () => {
    await inWorkspace(async (workspace) => {
      const { corpus, follower } = await workspace.corpus();
      const transport = await workspace.transport();
      let now = Date.now();
      const snapshots = new IndexSnapshots({
        ...{ corpus: corpus as EmbeddedCorpus, follower, transport, objects: await workspace.objects() },
        ...{
          topic: workspace.corpusTopic(),
          encoder: await workspace.embedder(),
          removals: await workspace.removals(),
        },
        ...{ work: workspace.topology.profile.work, log: workspace.log, now: () => now },
      });
      const made = await snapshots.make();
      expect(made).toMatchObject({ stored: true, documents: 5 });
      now += 8 * day;
      await snapshots.stop(1000);
      const [first, ...others] = await list(workspace);
      expect(Date.parse(first!.current)).toBe(now);
      expect(others.every(({ current }) => Date.parse(current) < now)).toBe(true);
      expect(await snapshots.make()).toMatchObject({ id: made.id, stored: false });
    });
    // 23 days later by the clock of the manifests.
    const keys = await inWorkspace(async (workspace) => {
      const found = await storedSnapshots(await workspace.objects(), workspace.corpusTopic());
      for (const { id, manifest } of found.snapshots)
        await (await workspace.objects()).put(
          `index/${workspace.corpusTopic()}/${id}/manifest.json`,
          Buffer.from(JSON.stringify({ ...manifest, current: new Date(Date.now() - 23 * day).toISOString() })),
          { mediaType: 'application/json' },
        );
      return found.snapshots.length;
    });
    rmSync(join(folder, '.vimi/index'), { recursive: true });
    await inWorkspace(async (workspace, lines) => {
      expect((await (await workspace.corpusIsCurrent()).state()).documents).toBe(5);
      expect(lines.filter((line) => line === 'A snapshot of the corpus index is not used')).toHaveLength(keys);
    });
  });

  it('fills an index again that stood still for longer than tombstones stay', async () => {
    const index = join(folder, '.vimi/index');
    noteCurrent(index, Date.now() - 20 * day);
    await inWorkspace(async (workspace, lines) => {
      await workspace.corpusIsCurrent();
      expect(lines).not.toContain(refilled);
    });
    noteCurrent(index, Date.now() - 23 * day);
    await inWorkspace(async (workspace, lines) => {
      const corpus = await workspace.corpusIsCurrent();
      expect(lines).toContain(refilled);
      expect((await corpus.state()).documents).toBe(5);
    });
    await inWorkspace(async (workspace, lines) => {
      await workspace.corpusIsCurrent();
      expect(lines).not.toContain(refilled);
    });
  });

  it('removes a snapshot that a removal met while it was stored', async () => {
    await inWorkspace(async (workspace) => {
      const snapshots = (await workspace.indexSnapshots())!;
      await publish(workspace, 'a film that is taken back');
      const document = corpusDocument('a film that is taken back');
      const objects = await workspace.objects();
      const before = (await list(workspace)).length;
      const put = objects.put.bind(objects);
      // The removal comes when the copy was made, and before its manifest.
      vi.spyOn(objects, 'put').mockImplementation(async (key, ...rest) => {
        if (key.endsWith('manifest.json'))
          await (await workspace.transport()).publish(
            documentRemoval(
              workspace.removalTopics(),
              removedDocument(document, { kind: 'document', value: document.id }),
            ),
          );
        return put(key, ...rest);
      });
      await expect(snapshots.make()).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await list(workspace)).toHaveLength(before);
      vi.restoreAllMocks();
      expect(await snapshots.make()).toMatchObject({ stored: true, documents: 5 });
    });
  });

  it('stores none where the profile wants none', async () => {
    writeTopology(0);
    rmSync(join(folder, '.vimi'), { recursive: true });
    await inWorkspace(async (workspace) => {
      const index = await tendIndex(workspace);
      await publish(workspace, ...captions);
      await workspace.corpusIsCurrent();
      await index.stop();
    });
    expect(existsSync(join(folder, '.vimi/objects/index'))).toBe(false);
    cpSync(join(import.meta.dirname, '../../topology.yaml'), topology);
  });
});

const refilled = 'The corpus index was not fed for longer than its topic keeps removals: it is filled again';
const total = (positions: Record<number, number>) => Object.values(positions).reduce((sum, one) => sum + one, 0);
