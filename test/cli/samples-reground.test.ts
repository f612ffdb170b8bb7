import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportSamples } from '../../src/app/samples/export/export-samples.js';
import { allShards } from '../../src/app/samples/live-shards.js';
import { groundShard } from '../../src/app/samples/reground/reground-shard.js';
import { SampleGrounder } from '../../src/app/samples/reground/sample-grounder.js';
import { shardSamples } from '../../src/app/samples/shard-samples.js';
import { Workspace } from '../../src/app/workspace.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { type SamplesRegroundOptions, samplesReground } from '../../src/cli/commands/samples-reground.js';
import { samplesVerify } from '../../src/cli/commands/samples-verify.js';
import { sampleGroundedIn } from '../../src/events/sample.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { printed } from './printed.js';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-reground-'));
const inFolder = (name: string) => join(folder, name);
const signal = new AbortController().signal;

async function inWorkspace<T>(work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const workspace = await Workspace.open({ topology: inFolder('topology.yaml'), env: {}, log: quietLog });
  try {
    return await work(workspace);
  } finally {
    await workspace.close();
  }
}

/** What a command prints, a JSON object a line. */
async function told(command: (workspace: Workspace, out: Writable) => Promise<unknown>) {
  const out = printed();
  await inWorkspace((workspace) => command(workspace, out));
  return out.text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
}

async function take(...names: string[]): Promise<void> {
  for (const name of names)
    for (const end of [name.split('.')[1], 'txt']) {
      const file = name.replace(/\w+$/, end!);
      cpSync(join(root, 'examples/media', name.endsWith('.mp4') ? 'clips' : 'images', file), inFolder(file));
    }
  await told((workspace, out) => ingest(workspace, names.map(inFolder), { json: true, signal }, out));
}

const reground = async (shards: string[] = [], options: Partial<SamplesRegroundOptions> = {}) => {
  const facts = await told((workspace, out) =>
    samplesReground(workspace, shards, { json: true, signal, ...options }, out),
  );
  return { samples: facts.slice(0, -1), sum: facts.at(-1) };
};
const shards = () => inWorkspace(async (workspace) => (await allShards(workspace))[0]!);
const object = (key: string) => readFileSync(inFolder(`.vimi/objects/${key}`));
/** Where the corpus was before the balloon came. */
let before: string;

beforeAll(async () => {
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replaceAll('partitions: 12', 'partitions: 1');
  writeFileSync(inFolder('topology.yaml'), topology);
  await take('fox.png', 'mushroom.png');
  await take('fox-left-blue.mp4', 'balloon-grow-black.mp4', 'penguin-right-yellow.mp4');
}, patience(300));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In order: each goes on with what the one before left.
describe.sequential('samples that are grounded again', { timeout: patience(300) }, () => {
  it('stay as they are in the same corpus, byte for byte, and no shard is written', async () => {
    const { samples, sum } = await reground([], { write: true });
    before = sum.position;
    expect(samples).toHaveLength(3);
    for (const sample of samples) expect(sample).toMatchObject({ changed: false, came: [], went: [], moved: [] });
    expect(samples.some(({ documents }) => documents > 0)).toBe(true);
    expect(sum).toMatchObject({ samples: 3, changed: 0, unknown: 0, written: [] });
    expect((await shards()).regrounded).toEqual([]);

    // Not because nothing was done: each was grounded, and written anew gives the very same text.
    await inWorkspace(async (workspace) => {
      const pipeline = workspace.pipelineFor('media.added');
      const grounder = new SampleGrounder(pipeline, await workspace.resources(pipeline));
      const objects = await workspace.objects();
      for (const sealed of (await allShards(workspace))[0]!.live) {
        const grounded = await groundShard(sealed, { objects, grounder, signal });
        for await (const { key, json } of shardSamples(sealed.object.key, objects)) {
          const { grounding } = grounded.get(key)!;
          expect(grounding).toBeTruthy();
          expect(sampleGroundedIn(json, grounding!)).toBe(json);
        }
      }
      await grounder.close();
    });
  });

  it('are not written anew when the corpus has grown by what grounds none of them', async () => {
    await take('accordion.png');
    expect((await reground([], { write: true })).sum).toMatchObject({ samples: 3, changed: 0, written: [] });
    expect((await shards()).regrounded).toEqual([]);
  });

  it('say which documents came when the corpus has grown, and change nothing unless asked', async () => {
    await take('balloon.png');
    const live = (await shards()).live;
    const { samples, sum } = await reground();
    expect(samples.filter(({ changed }) => changed)).toEqual([
      expect.objectContaining({
        caption: 'a balloon grows on a black background',
        came: [expect.objectContaining({ caption: 'a balloon', rank: 1 })],
        ...{ went: [], moved: [], promptChanged: true },
      }),
    ]);
    expect(sum).toMatchObject({ samples: 3, changed: 1, came: 1, went: 0 });
    expect(await shards()).toMatchObject({ live, regrounded: [] });
    // Where the corpus was, they are as they were.
    expect((await reground([], { at: before, write: true })).sum).toMatchObject({
      changed: 0,
      written: [],
      position: before,
    });
    expect((await shards()).regrounded).toEqual([]);
    // Before there was anything, they had no context.
    const { sum: empty } = await reground([], { at: '0:0' });
    expect(empty).toMatchObject({ unknown: 0, came: 0, share_went: 1 });
  });

  it('are written as shards beside the old ones, which readers take only when asked', async () => {
    const { live } = await shards();
    const old = live.map(({ object: { key } }) => object(key));
    const { sum } = await reground([], { write: true });
    expect(sum.written).toHaveLength(live.length);
    expect((await shards()).live).toEqual(live);
    expect(live.map(({ object: { key } }) => object(key))).toEqual(old);
    const { regrounded } = await shards();
    expect(regrounded.map(({ shard, regrounded_from }) => [shard, regrounded_from])).toEqual(
      live.map(({ shard }) => [expect.stringMatching(`^${shard}-g[0-9a-f]{8}$`), shard]),
    );
    // Again: the same, and nobody is told twice.
    expect((await reground([], { write: true })).sum.written).toEqual(sum.written);
    expect((await shards()).regrounded).toEqual(regrounded);

    const balloon = (facts: { caption: string; context: number }[]) =>
      facts.find(({ caption }) => caption.includes('balloon'))!.context;
    const list = (options: object) => told((workspace, out) => samplesList(workspace, { json: true, ...options }, out));
    expect(balloon(await list({}))).toBe(0);
    expect(balloon(await list({ regrounded: true }))).toBe(1);
    const verified = await told((workspace, out) => samplesVerify(workspace, { json: true }, out));
    expect(verified).toEqual([{ shards: 2 * live.length, samples: 6, mistakes: 0 }]);
    await inWorkspace(async (workspace) => {
      await exportSamples(workspace, inFolder('new'), { format: 'croissant', regrounded: true });
      await exportSamples(workspace, inFolder('old'), { format: 'croissant' });
    });
    const [fresh, plain] = ['new', 'old'].map((name) => readFileSync(inFolder(`${name}/croissant.json`), 'utf8'));
    expect(fresh).toContain(regrounded[0]!.shard);
    expect(plain).not.toContain(regrounded[0]!.shard);

    await expect(reground(['elsewhere'])).rejects.toMatchObject({ code: 'USAGE', found: 'elsewhere' });
    await expect(reground([regrounded[0]!.shard])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(reground([], { at: '7:1' })).rejects.toMatchObject({ code: 'USAGE', found: '7:1' });
    await expect(reground([], { at: '0:99999' })).rejects.toMatchObject({ code: 'USAGE', found: '0:99999' });
    await expect(reground([], { at: 'yesterday' })).rejects.toMatchObject({ code: 'USAGE', found: 'yesterday' });
  });

  it('lose what was removed, in both versions of a shard; what has no document any more stays as it is', async () => {
    await told((workspace, out) =>
      corpusRemove(workspace, [], { uri: [inFolder('balloon.png')], json: true, rewriteShards: true }, out),
    );
    const list = (options: object) => told((workspace, out) => samplesList(workspace, { json: true, ...options }, out));
    expect(
      (await list({ regrounded: true })).map(({ caption, context }) => caption.includes('balloon') && context),
    ).toContain(0);
    const { regrounded } = await shards();
    expect(regrounded.map(({ shard }) => shard)).toEqual([expect.stringMatching(/-g[0-9a-f]{8}-r1$/)]);

    await told((workspace, out) => corpusRemove(workspace, [], { uri: [inFolder('fox.png')], json: true }, out));
    const { samples } = await reground();
    expect(samples.filter(({ changed }) => changed)).toEqual([
      expect.objectContaining({ came: [], went: [expect.objectContaining({ caption: 'a fox', rank: 1 })] }),
    ]);
    await told((workspace, out) =>
      corpusRemove(workspace, [], { uri: [inFolder('penguin-right-yellow.mp4')], json: true }, out),
    );
    const { sum } = await reground();
    expect(sum).toMatchObject({ samples: 3, changed: 1, unknown: 1, share_went: 1 });
  });

  it('are written without what was removed, also while they were written', async () => {
    // Another process removes the balloon's film when the shard is about to be told of; the penguin's is removed already.
    const facts = await told(async (workspace, out) => {
      const transport = await workspace.transport();
      const { publish } = transport;
      transport.publish = async (records) => {
        transport.publish = publish;
        const uri = [inFolder('balloon-grow-black.mp4')];
        await inWorkspace((other) => corpusRemove(other, [], { uri, json: true }, printed()));
        return publish.call(transport, records);
      };
      await samplesReground(workspace, [], { json: true, signal, write: true }, out);
    });
    const [written] = facts.at(-1).written;
    const sealed = (await shards()).regrounded.find(({ shard }) => shard === written.shard)!;
    expect(sealed.shard).toMatch(/-g[0-9a-f]{8}-r1$/);
    expect(sealed).toMatchObject({ samples: 1, removed: { samples: 2 } });
    await inWorkspace(async (workspace) => {
      for await (const { json } of shardSamples(sealed.object.key, await workspace.objects()))
        expect(JSON.parse(json)).toMatchObject({ caption: 'a fox moves left on a blue background', context: '[]' });
    });

    // Again: nothing is left of them, so nothing is written a second time.
    const again = (await reground([], { write: true })).sum;
    expect(again.written[0].shard).toMatch(/-g[0-9a-f]{8}$/);
    expect((await shards()).regrounded.find(({ shard }) => shard === again.written[0].shard)).toMatchObject({
      ...{ samples: 1, removed: { samples: 2 } },
      object: { sha256: sealed.object.sha256 },
    });
  });
});
