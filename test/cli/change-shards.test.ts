import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeKeepList } from '../../src/app/passes/keep-lists.js';
import { allShards } from '../../src/app/samples/live-shards.js';
import { mediumHash, shardSamples } from '../../src/app/samples/shard-samples.js';
import { Workspace } from '../../src/app/workspace.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { corpusVerifyRemoved } from '../../src/cli/commands/corpus-verify-removed.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { mergeShards } from '../../src/cli/commands/merge-shards.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { samplesReground } from '../../src/cli/commands/samples-reground.js';
import { samplesVerify } from '../../src/cli/commands/samples-verify.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { printed } from './printed.js';

/*
 * Merging, rewriting after a removal and grounding again each replace shards by others. Whatever two of them do at once,
 * every sample stays in one shard that is read, and what was removed in none.
 */

const root = join(import.meta.dirname, '../..');
const signal = new AbortController().signal;
const before = mkdtempSync(join(tmpdir(), 'vimi-shards-'));
let folder: string;
const folders = [before];

async function inWorkspace<T>(work: (workspace: Workspace) => Promise<T>, log = quietLog): Promise<T> {
  const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), env: {}, log });
  try {
    return await work(workspace);
  } finally {
    await workspace.close();
  }
}

async function told(command: (workspace: Workspace, out: Writable) => Promise<unknown>, log = quietLog) {
  const out = printed();
  await inWorkspace((workspace) => command(workspace, out), log);
  return out.text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
}

const clips = ['fox-left-blue', 'automobile-left-green', 'penguin-right-yellow'];
const sources = ['zoo', 'films', 'park'];

/** Two shards: of two samples, of a source each, and of one. */
beforeAll(async () => {
  folder = before;
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replaceAll('partitions: 12', 'partitions: 1');
  writeFileSync(join(folder, 'topology.yaml'), topology);
  for (const [n, name] of clips.entries()) {
    for (const end of ['mp4', 'txt'])
      cpSync(join(root, `examples/media/clips/${name}.${end}`), join(folder, `${name}.${end}`));
    const options = { source: sources[n]!, json: true, signal };
    await told((workspace, out) => ingest(workspace, [join(folder, `${name}.mp4`)], options, out));
    if (n === 1) await inWorkspace(merge);
  }
}, patience(300));
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

/** The next commands see a copy of those shards. */
function anew(): void {
  folder = mkdtempSync(join(tmpdir(), 'vimi-shards-'));
  folders.push(folder);
  cpSync(before, folder, { recursive: true });
}

const remove = (source: string, options: { rewriteShards?: boolean; lift?: boolean } = {}, log = quietLog) =>
  told((workspace, out) => corpusRemove(workspace, [], { source: [source], json: true, ...options }, out), log);
const merge = (workspace: Workspace) => mergeShards(workspace, { bytes: 1e9, json: true }, printed());
const listed = async (options: { regrounded?: boolean } = {}): Promise<string[]> =>
  (await told((workspace, out) => samplesList(workspace, { json: true, ...options }, out)))
    .map(({ source }) => source)
    .sort();
async function isGone(source: string): Promise<boolean> {
  return inWorkspace((workspace) => corpusVerifyRemoved(workspace, [], { source: [source] }, printed()));
}
const areWell = async () => {
  const [sum] = await told((workspace, out) => samplesVerify(workspace, { json: true }, out));
  return sum.mistakes === 0;
};

/** Runs `other` at the moment at which a command stores a shard, until it has ended or waits for the command. */
function meeting(
  command: (workspace: Workspace) => Promise<unknown>,
  other: (log: typeof quietLog) => Promise<unknown>,
): Promise<unknown> {
  return inWorkspace(async (workspace) => {
    const objects = await workspace.objects();
    const { put } = objects;
    let working: Promise<unknown> | undefined;
    objects.put = async (key, ...rest) => {
      if (key.endsWith('.tar') && !working)
        await new Promise<void>((resolve) => {
          const log = { ...quietLog, warn: () => resolve() } as typeof quietLog;
          working = other(log).finally(resolve);
        });
      return put.call(objects, key, ...rest);
    };
    await command(workspace);
    expect(working).toBeDefined();
    return working;
  });
}

describe('shards that two commands change at once', { timeout: patience(300) }, () => {
  it('keep each sample once when a removal rewrites what is being merged', async () => {
    anew();
    await meeting(merge, (log) => remove('zoo', { rewriteShards: true }, log));
    expect(await listed()).toEqual(['films', 'park']);
    expect(await isGone('zoo')).toBe(true);
    expect(await areWell()).toBe(true);
  });

  it('lose what is removed while they are merged, whether the removal rewrites shards or not', async () => {
    anew();
    await meeting(merge, (log) => remove('films', {}, log));
    expect(await listed()).toEqual(['park', 'zoo']);
    expect(await isGone('films')).toBe(true);
  });

  it('keep each sample once when two removals rewrite them', async () => {
    anew();
    await inWorkspace(merge);
    const rewriting = { rewriteShards: true, json: true };
    await meeting(
      (workspace) => corpusRemove(workspace, [], { source: ['zoo'], ...rewriting }, printed()),
      (log) => remove('park', { rewriteShards: true }, log),
    );
    expect(await listed()).toEqual(['films']);
    for (const source of ['zoo', 'park']) expect(await isGone(source)).toBe(true);
    expect(await areWell()).toBe(true);
  });

  it('are looked at again by a removal that began before they were merged', async () => {
    anew();
    await inWorkspace(async (workspace) => {
      const objects = await workspace.objects();
      const { list } = objects;
      // All keys are listed, and then it is merged before the first is looked at.
      objects.list = async function* (prefix) {
        const keys: string[] = [];
        for await (const key of list.call(objects, prefix)) keys.push(key);
        if (prefix === '') await inWorkspace(merge);
        yield* keys;
      };
      await corpusRemove(workspace, [], { source: ['zoo'], rewriteShards: true, json: true }, printed());
    });
    expect(await listed()).toEqual(['films', 'park']);
    expect(await isGone('zoo')).toBe(true);
  });
});

describe('a merge', { timeout: patience(300) }, () => {
  it('leaves out what was removed, and says how much', async () => {
    anew();
    await remove('park');
    expect(await isGone('park')).toBe(false);
    const out = printed();
    await inWorkspace((workspace) => mergeShards(workspace, { bytes: 1e9 }, out));
    expect(out.text).toContain('1 sample left out: removed from the corpus');
    expect(await listed()).toEqual(['films', 'zoo']);
    expect(await isGone('park')).toBe(true);
    const [{ live }] = (await inWorkspace(allShards)) as [Awaited<ReturnType<typeof allShards>>[0]];
    expect(live).toMatchObject([{ samples: 2, removed: { samples: 1, contexts: 0 } }]);
  });

  it('refuses shards that do not hold what their event says, and lets the next command go on', async () => {
    anew();
    const [{ live }] = (await inWorkspace(allShards)) as [Awaited<ReturnType<typeof allShards>>[0]];
    await inWorkspace(async (workspace) =>
      (await workspace.transport()).publish([
        {
          ...{ topic: 'samples', key: Buffer.from(live[0]!.shard), headers: {} },
          value: Buffer.from(JSON.stringify({ ...live[0], samples: 7 })),
        },
      ]),
    );
    await expect(inWorkspace(merge)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED', expected: '7' });
    // Nothing was replaced, and nobody is kept from changing shards.
    expect(await listed()).toEqual(['films', 'park', 'zoo']);
    await remove('zoo', { rewriteShards: true });
    expect(await isGone('zoo')).toBe(true);
  });
});

describe('a shard of which grounding again left nothing', { timeout: patience(300) }, () => {
  /** By a keep-list, as if its clip resembled another. */
  async function leaveOut(source: string): Promise<void> {
    const of = (await told((workspace, out) => samplesList(workspace, { json: true }, out))).find(
      (one) => one.source === source,
    );
    await inWorkspace(async (workspace) => {
      const place = await workspace.keepListPlace();
      for await (const sample of shardSamples(of.shard, place.objects))
        await storeKeepList(
          { name: 'one-out', pass: 'dedup', settings: {}, position: { 0: 0 }, documents: 0 },
          [{ document: '0'.repeat(64), image: '0'.repeat(64), clip: await mediumHash(sample), reason: 'over' }],
          place,
        );
    });
  }
  const reground = (keepList?: string) =>
    told((workspace, out) =>
      samplesReground(workspace, [], { json: true, signal, write: true, ...(keepList && { keepList }) }, out),
    );

  it('does not bring back the samples of the older one, and stays out of merges', async () => {
    anew();
    await leaveOut('park');
    await reground('one-out');
    expect(await listed({ regrounded: true })).toEqual(['films', 'zoo']);
    expect(await listed()).toEqual(['films', 'park', 'zoo']);
    await inWorkspace(merge);
    expect(await listed({ regrounded: true })).toEqual(['films', 'zoo']);
    expect(await listed()).toEqual(['films', 'park', 'zoo']);
    // Without the list all is as it was, and the newest version counts.
    await reground();
    expect(await listed({ regrounded: true })).toEqual(['films', 'park', 'zoo']);
    await reground('one-out');
    expect(await listed({ regrounded: true })).toEqual(['films', 'zoo']);
  });
});
