import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportSamples } from '../../src/app/samples/export/export-samples.js';
import { allShards, liveShards } from '../../src/app/samples/live-shards.js';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { samplesExport } from '../../src/cli/commands/samples-export.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

let folder: string;
let workspace: Workspace;
let names: string[];
const object = (key: string) => join(folder, '.vimi/objects', key);
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-export-'));
  workspace = await project(folder, '{ score_only: true }');
  await takeIn(workspace, await makeMedia(folder));
  names = lines(await written((out) => samplesList(workspace, { json: true }, out))).map(({ key }) => key);
  expect(names.length).toBeGreaterThan(2);
}, patience(300));
afterAll(async () => {
  await workspace.close();
  await rm(folder, { recursive: true, force: true });
});

async function table(path: string) {
  const file = await asyncBufferFromFile(path);
  const { row_groups } = await parquetMetadataAsync(file);
  // No column of bytes is a text here, the clip least of all.
  return { groups: row_groups.length, rows: await parquetReadObjects({ file, utf8: false }) };
}

describe('samples in a Parquet table', { timeout: patience(120) }, () => {
  it('has a row a sample, which says where its bytes lie in the shard, or holds them', async () => {
    const to = join(folder, 'plain');
    await written((out) => samplesExport(workspace, to, { format: 'parquet' }, out));
    await exportSamples(workspace, join(folder, 'embedded'), { format: 'parquet', embed: true });
    const [{ rows }, embedded] = [
      await table(join(to, 'samples.parquet')),
      await table(join(folder, 'embedded/samples.parquet')),
    ];
    expect(rows.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const [n, row] of rows.entries()) {
      const tar = await readFile(object(row.shard));
      const at = (offset: bigint, size: bigint) => tar.subarray(Number(offset), Number(offset + size));
      const clip = at(row.clip_offset, row.clip_bytes);
      expect(clip.toString('latin1', 4, 8)).toBe('ftyp');
      expect(Buffer.from(embedded.rows[n]!.clip).equals(clip)).toBe(true);
      const facts = JSON.parse(at(row.json_offset, row.json_bytes).toString());
      expect(row).toMatchObject({
        caption: facts.caption,
        captions: expect.arrayContaining([facts.caption]),
        width: BigInt(facts.clip.width),
        frames: BigInt(facts.clip.frames),
        ...{ fps: facts.clip.fps, seconds: facts.clip.duration, shape: '4x3-96p-16f' },
        ...{ score_motion: facts.clip.motion, score_sharpness: facts.scores.sharpness },
        ...{ licence: facts.provenance.licence, context_json: facts.context },
        context: JSON.parse(facts.context).map(({ document }: { document: string }) => document),
      });
      expect(JSON.parse(row.prompt)).toEqual(facts.prompt);
      for (const [i, digest] of row.images.entries())
        expect(sha256(at(row.image_offsets[i], row.image_bytes[i]))).toBe(digest);
    }
  });

  it('is written in row groups, says the same in many as in one, and the same samples give the same bytes', async () => {
    const write = async (name: string, rows: number) => {
      await exportSamples(workspace, join(folder, name), { format: 'parquet', group: { rows, bytes: 1e9 } });
      return join(folder, name, 'samples.parquet');
    };
    const [one, many, again] = [await write('one', 1000), await write('many', 1), await write('again', 1)];
    expect((await table(one)).groups).toBe(1);
    expect((await table(many)).groups).toBe(names.length);
    expect((await table(many)).rows).toEqual((await table(one)).rows);
    expect(await readFile(again)).toEqual(await readFile(many));
    await exportSamples(workspace, join(folder, 'small'), {
      ...{ format: 'parquet', embed: true, group: { rows: 1000, bytes: 1 } },
    });
    expect((await table(join(folder, 'small/samples.parquet'))).groups).toBe(names.length);
  });

  it('has only what is asked for; nothing to write, or no room for it, is told, and nothing stays behind', async () => {
    const { source } = lines(await written((out) => samplesList(workspace, { json: true }, out)))[0];
    const to = join(folder, 'of-source');
    const told = await written((out) =>
      samplesExport(workspace, to, { format: 'parquet', source: [source], json: true }, out),
    );
    expect(JSON.parse(told)).toMatchObject({ samples: names.length, left_out: 0, files: ['samples.parquet'] });
    const before = (await readdir(folder)).sort();
    await expect(
      exportSamples(workspace, join(folder, 'none'), { format: 'parquet', keeps: () => false }),
    ).rejects.toMatchObject({ code: 'USAGE', found: expect.stringContaining(`${names.length} samples left out`) });
    await expect(exportSamples(workspace, to, { format: 'parquet' })).rejects.toMatchObject({
      code: 'USAGE',
      where: to,
    });
    await expect(
      samplesExport(workspace, join(folder, 'none'), { format: 'croissant', embed: true }, process.stdout),
    ).rejects.toMatchObject({ code: 'USAGE' });
    // In the repository LanceDB is not installed; infra/check-webdataset.sh writes and reads a Lance dataset.
    await expect(exportSamples(workspace, join(folder, 'none'), { format: 'lance' })).rejects.toMatchObject({
      code: 'PACKAGE_NOT_INSTALLED',
      expected: 'npm install @lancedb/lancedb@0.26.2',
    });
    const stopped = AbortSignal.abort();
    await expect(
      exportSamples(workspace, join(folder, 'none'), { format: 'parquet', signal: stopped }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });

    const key = (await allShards(workspace))[0]!.live.at(-1)!.object.key;
    const whole = await readFile(object(key));
    await writeFile(object(key), whole.subarray(0, whole.length / 2));
    for (const format of ['parquet', 'croissant'] as const)
      await expect(exportSamples(workspace, join(folder, 'none'), { format })).rejects.toMatchObject({
        code: 'OBJECT_DAMAGED',
      });
    await writeFile(object(key), whole);
    expect((await readdir(folder)).sort()).toEqual(before);
    // An empty folder is as good as none.
    await mkdir(join(folder, 'none'));
    await exportSamples(workspace, join(folder, 'none'), { format: 'parquet' });
  });
});

describe('samples as a Croissant dataset', { timeout: patience(120) }, () => {
  it('are shards, a table of their places, and a description with the digest of each file', async () => {
    const to = join(folder, 'dataset');
    await exportSamples(workspace, to, { format: 'croissant' });
    const { distribution, recordSet } = JSON.parse(await readFile(join(to, 'croissant.json'), 'utf8'));
    const files = distribution.filter((one: Record<string, string>) => one['@type'] === 'cr:FileObject');
    for (const { contentUrl, sha256: digest, contentSize } of files) {
      const bytes = await readFile(join(to, contentUrl));
      expect([sha256(bytes), `${bytes.length} B`]).toEqual([digest, contentSize]);
    }
    const { rows } = await table(join(to, 'samples.parquet'));
    expect(rows).toHaveLength(names.length);
    expect(recordSet[0].field.map(({ name }: { name: string }) => name)).toEqual(Object.keys(rows[0]!));
    for (const row of rows) {
      expect(files.map(({ contentUrl }: { contentUrl: string }) => contentUrl)).toContain(row.shard);
      const tar = await readFile(join(to, row.shard));
      expect(tar.toString('latin1', Number(row.clip_offset) + 4, Number(row.clip_offset) + 8)).toBe('ftyp');
    }
  });

  it('has shards of its own without what is left out, each with its index', async () => {
    const to = join(folder, 'dataset-of-one');
    const { samples, leftOut } = await exportSamples(workspace, to, {
      format: 'croissant',
      keeps: ({ key }) => key === names[1],
    });
    expect([samples, leftOut]).toEqual([1, names.length - 1]);
    const { rows } = await table(join(to, 'samples.parquet'));
    expect(rows.map(({ name }) => name)).toEqual([names[1]]);
    const index = await readFile(join(to, rows[0]!.shard.replace('.tar', '.idx')), 'utf8');
    expect(index).toContain(`mp4 ${rows[0]!.clip_offset} ${rows[0]!.clip_bytes} ${names[1]}.mp4`);
    expect((await readFile(join(to, rows[0]!.shard))).includes(names[0]!)).toBe(false);
  });
});

describe('what was removed from the corpus', { timeout: patience(120) }, () => {
  it('is exported by nobody, though it still lies in its shards', async () => {
    const more = join(folder, 'media/more');
    await mkdir(more);
    for (const name of ['automobile-left-green.mp4', 'automobile-left-green.txt'])
      await copyFile(join(import.meta.dirname, '../../examples/media/clips', name), join(more, name));
    await takeIn(workspace, more);
    const remove = (lift: boolean) =>
      written((out) =>
        corpusRemove(workspace, [], { uri: [join(more, 'automobile-left-green.mp4')], lift, json: true }, out),
      );
    await remove(false);
    const list = lines(await written((out) => samplesList(workspace, { json: true }, out)));
    expect(list).toHaveLength(names.length + 1);
    for (const format of ['parquet', 'croissant'] as const) {
      const to = join(folder, `without-removed-${format}`);
      const exported = await exportSamples(workspace, to, { format });
      expect(exported).toMatchObject({ samples: names.length, removed: 1, leftOut: 0 });
      const { rows } = await table(join(to, 'samples.parquet'));
      expect(rows.map(({ name }) => name).sort()).toEqual([...names].sort());
    }
    await remove(true);
    expect(await exportSamples(workspace, join(folder, 'lifted'), { format: 'parquet' })).toMatchObject({ removed: 0 });
  });
});

describe('events of strangers', { timeout: patience(120) }, () => {
  it('do not lead out of the folder, and shards that replace each other in a circle are none', async () => {
    const sealed = (data: object) => JSON.stringify({ kind: 'clips', samples: 1, ...data });
    const publish = async (shard: string, data: object) =>
      (await workspace.transport()).publish([
        { topic: 'samples', key: Buffer.from(shard), headers: {}, value: Buffer.from(sealed({ shard, ...data })) },
      ]);
    const ref = (key: string) => ({ key, size: 1, sha256: '0'.repeat(64), media_type: 'application/x-tar' });
    const live = async () => (await liveShards(workspace, { regrounded: true })).map(({ shard }) => shard).sort();
    const before = await live();
    await publish('a', { object: ref('samples/a.tar'), replaces: ['b'] });
    await publish('b', { object: ref('samples/b.tar'), replaces: ['a'] });
    await publish('c', { object: ref('../../kept.tar'), replaces: ['a'] });
    expect(await live()).toEqual(['c', ...before]);

    await writeFile(join(folder, 'kept.tar'), 'kept');
    for (const format of ['parquet', 'croissant'] as const)
      await expect(exportSamples(workspace, join(folder, 'strange'), { format })).rejects.toMatchObject({
        code: 'OBJECT_KEY_INVALID',
      });
    expect(await readFile(join(folder, 'kept.tar'), 'utf8')).toBe('kept');
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
