import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { dryRun } from '../../src/cli/commands/dry-run.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { makeMedia, written } from '../cli/small-corpus.js';
import { never } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-dry-'));
const topology = join(folder, 'topology.yaml');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What lies in the project: names, sizes, moments and bytes. */
function everything(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const { mtimeMs, size } = statSync(path);
      if (statSync(path).isDirectory()) return name;
      return `${name} ${size} ${mtimeMs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    });
}

interface Options {
  limit?: number;
  from?: number;
}

async function printed(pipeline: string | undefined, options: Options & { json?: boolean } = {}) {
  const looking = await Workspace.open({ topology, looksOnly: true, log: quietLog });
  try {
    let rejected = 0;
    const text = await written(async (out) => {
      rejected = await dryRun(looking, pipeline, { limit: 10, signal: never, ...options }, out);
    });
    return { rejected, text };
  } finally {
    await looking.close();
  }
}

async function said(pipeline: string | undefined, options: Options = {}) {
  const { rejected, text } = await printed(pipeline, { ...options, json: true });
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const of = (what: string) => lines.flatMap((line) => (line[what] ? [line[what]] : []));
  return { rejected, events: of('event'), objects: of('object'), outcomes: of('outcome'), reports: of('report') };
}

/** Runs in earnest, in a workspace of its own. */
async function inEarnest(work: (workspace: Workspace) => Promise<unknown>): Promise<void> {
  const workspace = await Workspace.open({ topology, log: quietLog });
  await work(workspace).finally(() => workspace.close());
}

const run = (name: string) =>
  inEarnest((workspace) => runPipelines(workspace, [workspace.pipeline(name)], { drain: true, signal: never }));

beforeAll(async () => {
  writeFileSync(
    topology,
    readFileSync(join(root, 'topology.yaml'), 'utf8')
      .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
      .replace('media_roots: [.]', 'media_roots: [media]'),
  );
  mkdirSync(join(folder, 'media'));
  await makeMedia(folder);
});

describe('a dry run', () => {
  it('of a project without a log says that there is nothing to read, and makes nothing', async () => {
    const before = everything();
    expect((await thrownBy(() => said('generate'))).code).toBe('USAGE');
    expect(everything()).toEqual(before);
  });

  it('says of requests what a run does, and writes nothing', async () => {
    await inEarnest(async (workspace) => {
      const transport = await workspace.transport();
      await transport.publish(
        ['{"prompt": "a fox runs", "seed": 1}', '{"prompt": " "}', '{"cancel": "requests-9-9"}'].map((text) => ({
          ...{ topic: 'requests', partition: 0, key: null, headers: {}, value: Buffer.from(text) },
        })),
      );
    });
    const before = everything();
    const dry = await said('generate');
    expect(everything()).toEqual(before);
    expect(dry.outcomes.map(({ where, outcome }) => [where, outcome])).toEqual(
      expect.arrayContaining([
        ['requests/0/0', 'delivered'],
        ['requests/0/1', 'rejected'],
      ]),
    );
    expect(dry.rejected).toBe(1);
    const [video] = dry.events.filter(({ topic }) => topic === 'videos');
    expect(dry.objects).toContainEqual(video.data.object);
    expect(dry.events.filter(({ topic }) => topic === 'rejects')).toHaveLength(1);

    await run('generate');
    await inEarnest(async (workspace) => {
      expect(await (await workspace.objects()).stat(video.data.object.key)).toEqual(video.data.object);
    });
    // What a run has done is not shown again, unless somebody asks from where.
    const after = everything();
    expect((await said('generate')).outcomes).toEqual([]);
    expect((await said('generate', { from: 0, limit: 1 })).outcomes).toHaveLength(1);
    // Eleven partitions are empty, and this one has three records.
    expect((await said('generate', { from: 1 })).outcomes.map(({ where }) => where)).toEqual([
      'requests/0/1',
      'requests/0/2',
    ]);
    expect((await printed('generate', { from: 99 })).text).toContain('No partition has events from offset 99 on.');
    expect((await printed('generate')).text).toContain('Nothing waits.');
    expect((await printed('generate', { from: 0, limit: 1 })).text).not.toContain('Nothing waits.');
    expect(everything()).toEqual(after);
  });

  it('of media grows no corpus, and no shard', async () => {
    const media = ['fox.png', 'film.mp4'].map((name) => join(folder, 'media', name));
    await inEarnest((workspace) =>
      written((out) => ingest(workspace, media, { publishOnly: true, signal: never }, out)),
    );
    const before = everything();
    const dry = await said(undefined);
    expect(everything()).toEqual(before);
    expect(dry.reports.map(({ pipeline }) => pipeline)).toEqual(['generate', 'corpus', 'backfill']);
    expect(dry.events.map(({ topic }) => topic)).toEqual(expect.arrayContaining(['corpus', 'samples', 'outcomes']));
    expect(dry.objects.map(({ key }) => key)).toContainEqual(expect.stringMatching(/^samples\/.*\.tar$/));
  });

  it('sees the corpus as it is, and the one of a run beside it', async () => {
    await run('corpus');
    const before = everything();
    await inEarnest(async (workspace) => {
      const corpus = await workspace.corpusIsCurrent();
      const { documents } = await corpus.state();
      expect(documents).toBeGreaterThan(0);
      const dry = await said('corpus', { from: 0 });
      expect(dry.outcomes.length).toBeGreaterThan(0);
      expect(dry.events.filter(({ topic }) => topic === 'corpus')).toEqual([]);
    });
    expect(everything().length).toBe(before.length);
  });
});
