import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveShards } from '../../src/app/samples/live-shards.js';
import { Workspace } from '../../src/app/workspace.js';
import { corpusBalance, corpusDedup, forgetPass, listPasses } from '../../src/cli/commands/corpus-pass.js';
import { samplesExport } from '../../src/cli/commands/samples-export.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { samplesReground } from '../../src/cli/commands/samples-reground.js';
import { sweep } from '../../src/cli/commands/sweep.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

let folder: string;
let workspace: Workspace;
const lines = (text: string) => text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
const dedup = (options: object) =>
  written((out) => corpusDedup(workspace, { best: 'sharpness', likeness: 0.5, json: true, ...options }, out)).then(
    lines,
  );
const signal = new AbortController().signal;
const exported = async (to: string, options: object) =>
  JSON.parse(
    await written((out) =>
      samplesExport(workspace, join(folder, to), { format: 'parquet', json: true, ...options }, out),
    ),
  );
let samples: { key: string }[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-pass-'));
  workspace = await project(folder, '{ score_only: true }');
  await takeIn(workspace, await makeMedia(folder));
  samples = lines(await written((out) => samplesList(workspace, { json: true }, out)));
}, patience(300));
afterAll(async () => {
  await workspace.close();
  await rm(folder, { recursive: true, force: true });
});

// In order: each goes on with what the one before left.
describe.sequential('passes over a corpus', { timeout: patience(120) }, () => {
  it('say what they would leave out, and store a keep-list that removes nothing', async () => {
    const before = (await (await workspace.corpusIsCurrent()).state()).documents;
    const dry = await dedup({ dryRun: true });
    expect(dry.at(-1)).toMatchObject({ name: 'dedup', pass: 'dedup', documents: samples.length + 2, dry_run: true });
    expect(lines(await written((out) => listPasses(workspace, { json: true }, out)))).toEqual([]);
    const left = dry.slice(0, -1);
    expect(left.length).toBeGreaterThan(0);
    expect(left[0]).toMatchObject({ reason: 'like', caption: 'a test film' });

    const stored = await dedup({});
    expect(stored.slice(0, -1)).toEqual(left);
    const { list, left_out } = stored.at(-1);
    expect(left_out).toBe(left.length);
    const text = await readFile(join(folder, '.vimi/objects', list.key), 'utf8');
    expect(lines(text).map(({ document }) => document)).toEqual(left.map(({ document }) => document).sort());
    expect((await dedup({})).at(-1)).toEqual(stored.at(-1));
    expect((await (await workspace.corpusIsCurrent()).state()).documents).toBe(before);
    expect(await written((out) => sweep(workspace, { remove: false, olderThan: 0, json: true }, out))).not.toContain(
      'keep-lists',
    );
  });

  it('apply to exports that name them: samples of what is left out are not there', async () => {
    const left = (await dedup({ dryRun: true })).slice(0, -1).filter(({ clip }) => clip);
    expect(await exported('all', {})).toMatchObject({ samples: samples.length, left_out: 0 });
    expect(await exported('distinct', { keepList: 'dedup' })).toMatchObject({
      ...{ samples: samples.length - left.length, left_out: left.length },
    });
    await expect(exported('none', { keepList: 'dedupe' })).rejects.toMatchObject({ code: 'USAGE', expected: 'dedup' });
  });

  it('apply to regrounding: neither a sample nor a context is of what is left out', async () => {
    const reground = async (options: object) =>
      lines(await written((out) => samplesReground(workspace, [], { json: true, signal, ...options }, out))).at(-1);
    expect(await reground({})).toMatchObject({ changed: 0, left_out: 0 });
    const left = (await dedup({ dryRun: true })).slice(0, -1).filter(({ clip }) => clip);
    const { left_out, written: shards } = await reground({ keepList: 'dedup', write: true });
    expect(left_out).toBe(left.length);
    expect(shards).toHaveLength(1);
    const by = await written((out) => samplesList(workspace, { by: 'shape', regrounded: true }, out));
    expect(by).toBe(
      `${String(samples.length - left.length).padStart(8)}  4x3-96p-16f\n${samples.length - left.length} samples in 1 shard\n`,
    );
    const now = lines(await written((out) => samplesList(workspace, { json: true, regrounded: true }, out)));
    expect(now).toHaveLength(samples.length - left.length);
  });

  it('are replaced under their name, and forgotten', async () => {
    const list = async () => lines(await written((out) => listPasses(workspace, { json: true }, out)));
    const [before] = await list();
    const balance = (options: object) =>
      written((out) =>
        corpusBalance(workspace, { by: 'source', most: 1, best: 'motion', name: 'dedup', json: true, ...options }, out),
      ).then(lines);
    const facts = await balance({});
    expect(facts[0]).toMatchObject({ reason: 'over', group: expect.stringContaining('film.mp4') });
    expect(facts.at(-1)).toMatchObject({ pass: 'balance', left_out: samples.length - 1 });
    expect(await list()).toEqual([
      expect.objectContaining({ pass: 'balance', settings: { by: 'source', most: 1, best: 'motion' } }),
    ]);
    expect(existsSync(join(folder, '.vimi/objects', before.list.key))).toBe(false);
    expect(await exported('even', { keepList: 'dedup' })).toMatchObject({ samples: 1 });
    // Before there were any documents there was nothing to leave out.
    expect((await balance({ at: '0:0', dryRun: true })).at(-1)).toMatchObject({ documents: 0, left_out: 0 });
    await expect(balance({ name: '../up' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(balance({ best: 'beauty' })).rejects.toMatchObject({
      code: 'USAGE',
      expected: expect.stringContaining('motion'),
    });
    const [now] = await list();
    // What a stranger publishes there is no list, and names nothing that is removed.
    const strange = { name: 'odd', pass: 'dedup', settings: {}, position: {}, documents: 1, left_out: 1 };
    const {
      list: { key: other, ...rest },
    } = now;
    const shard = (await liveShards(workspace))[0]!.object.key;
    const publish = async (key: string, value: string) =>
      (await workspace.transport()).publish([
        { topic: 'passes', key: Buffer.from(key), headers: {}, value: Buffer.from(value) },
      ]);
    await publish('broken', '{"name": 7');
    await publish('odd', JSON.stringify({ ...strange, list: { key: shard, ...rest } }));
    await written((out) => forgetPass(workspace, 'odd', out));
    expect(existsSync(join(folder, '.vimi/objects', shard))).toBe(true);
    expect((await list()).map(({ list: { key } }) => key)).toEqual([other]);
    const naming = join(folder, 'naming.yaml');
    const shipped = readFileSync(join(folder, 'topology.yaml'), 'utf8');
    writeFileSync(naming, shipped.replace(/^( +- shard)$/m, '$1: { keep_list: dedup }'));
    const running = await Workspace.open({ topology: naming, log: quietLog });
    await expect(
      written((out) => forgetPass(running, 'dedup', out)).finally(() => running.close()),
    ).rejects.toMatchObject({
      ...{ code: 'USAGE', where: naming, found: 'keep_list: dedup' },
      message: expect.stringContaining('The step shard of corpus and backfill names this keep-list'),
    });
    expect(existsSync(join(folder, '.vimi/objects', now.list.key))).toBe(true);
    await written((out) => forgetPass(workspace, 'dedup', out));
    expect(await list()).toEqual([]);
    expect(existsSync(join(folder, '.vimi/objects', now.list.key))).toBe(false);
    await expect(exported('none', { keepList: 'dedup' })).rejects.toMatchObject({ code: 'USAGE' });
  });
});
