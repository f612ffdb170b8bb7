import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VimiError } from '../../../core/errors.js';
import { readSample } from '../../../events/sample.js';
import { ShardFile } from '../../../media/shard-file.js';
import { checkObjectKey } from '../../../stores/objects/object-key.js';
import { sampleTrace } from '../../removal/sample-trace.js';
import type { Workspace } from '../../workspace.js';
import { liveShards } from '../live-shards.js';
import { type ShardSample, samplesIn, shardSamples } from '../shard-samples.js';
import { croissantOf, type DescribedFile } from './croissant.js';
import type { ExportFormat } from './export-formats.js';
import { LanceTable } from './lance-table.js';
import { ParquetTable } from './parquet-table.js';
import { type Cell, clipColumn, type SampleColumn, type SampleRow, sampleColumns } from './sample-columns.js';
import type { GroupLimits, SampleTable } from './sample-table.js';

/*
 * Samples for tools that know no shards. `parquet` and `lance`: a table with a row a sample, whose clips stay in the shards of
 * the object store, or are in it. `croissant`: a folder that stands alone, of shards, the table, and a description of both for readers
 * of Croissant. A folder is whole or not there: it is written beside its place, and then moved.
 */

export interface ExportOptions {
  format: ExportFormat;
  /** The clips themselves in a column of the table. Of `parquet` and `lance`. */
  embed?: boolean;
  /** As grounded last, where a shard was grounded again. */
  regrounded?: boolean;
  /** Samples of which it says false are left out; all are kept without it. */
  keeps?(sample: ShardSample): boolean | Promise<boolean>;
  group?: GroupLimits;
  onShard?(done: number, total: number): void;
  signal?: AbortSignal;
}

export interface Exported {
  samples: number;
  shards: number;
  leftOut: number;
  /** Left out, since they hold what was removed from the corpus. */
  removed: number;
  files: string[];
}

/** Of all shards that are there now, in the order of their names. USAGE for a folder that holds something; CANCELLED. */
export async function exportSamples(workspace: Workspace, folder: string, options: ExportOptions): Promise<Exported> {
  const place = resolve(folder);
  await checkEmpty(place);
  const beside = join(dirname(place), `.${basename(place)}-${randomUUID().slice(0, 8)}`);
  await mkdir(beside, { recursive: true });
  try {
    const exported = await writeAll(workspace, beside, { ...options, name: basename(place) });
    await rmdir(place).catch(() => {});
    await rename(beside, place);
    return exported;
  } catch (thrown) {
    await rm(beside, { recursive: true, force: true });
    throw thrown;
  }
}

async function checkEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (found.length > 0)
    throw new VimiError('USAGE', 'This folder is not empty', {
      expected: 'a new or empty folder',
      found: `${found[0]}${found.length > 1 ? ` and ${found.length - 1} more` : ''}`,
      where: folder,
      remedy: 'Name another folder.',
    });
}

async function writeAll(
  workspace: Workspace,
  folder: string,
  options: ExportOptions & { name: string },
): Promise<Exported> {
  const { format, embed = false, group } = options;
  const columns = embed && format !== 'croissant' ? [...sampleColumns, clipColumn] : sampleColumns;
  const table: SampleTable =
    format === 'lance' ? await LanceTable.open(folder, columns, group) : new ParquetTable(folder, columns, group);
  try {
    return await writeShards(workspace, folder, { table, columns }, options);
  } finally {
    table.close();
  }
}

async function writeShards(
  workspace: Workspace,
  folder: string,
  { table, columns }: { table: SampleTable; columns: readonly SampleColumn[] },
  { name, format, regrounded, keeps = () => true, onShard, signal }: ExportOptions & { name: string },
): Promise<Exported> {
  const objects = await workspace.objects();
  const shards = (await liveShards(workspace, { regrounded })).sort((a, b) => (a.object.key < b.object.key ? -1 : 1));
  const described: DescribedFile[] = [];
  const licences = new Set<string>();
  const removals = await workspace.removals();
  await removals.caughtUp();
  const holdsRemoved = async (sample: ShardSample) =>
    removals.all().length > 0 && (await sampleTrace(sample, removals)) !== null;
  let [samples, leftOut, removed] = [0, 0, 0];
  const add = async (sample: ShardSample, shard: string) => {
    const row: SampleRow = { sample, facts: readSample(sample.json, `${shard}, ${sample.key}.json`), shard };
    const cells: Cell[] = [];
    for (const column of columns) cells.push(await column.of(row));
    await table.add(cells);
    licences.add(row.facts.provenance.licence);
    samples++;
  };
  for (const [n, { object }] of shards.entries()) {
    if (signal?.aborted) throw new VimiError('CANCELLED', 'The export was stopped');
    onShard?.(n, shards.length);
    // It becomes a path below the folder, and events are not ours alone.
    checkObjectKey(object.key);
    const chosen: AsyncIterable<ShardSample> = {
      async *[Symbol.asyncIterator]() {
        for await (const sample of shardSamples(object.key, objects))
          if (!(await keeps(sample))) leftOut++;
          else if (await holdsRemoved(sample)) removed++;
          else yield sample;
      },
    };
    if (format !== 'croissant') for await (const sample of chosen) await add(sample, object.key);
    else {
      const path = `shards/${object.key}`;
      const copied = await copyShard(join(folder, path), chosen);
      if (!copied) continue;
      described.push({ path, ...copied });
      for await (const sample of samplesIn(join(folder, path), path)) await add(sample, path);
    }
  }
  if (samples === 0)
    throw new VimiError('USAGE', 'There is no sample to export', {
      expected: 'shards with samples that are not left out',
      found: `${shards.length} shards, ${leftOut + removed} samples left out`,
      remedy: '`vimi samples list` shows what there is.',
    });
  await table.finish();
  const files = [table.file, ...described.map(({ path }) => path)];
  if (format === 'croissant') {
    const text = await croissantOf({ name, folder, shards: described, licences: [...licences].sort() });
    await writeFile(join(folder, 'croissant.json'), text);
    files.push('croissant.json');
  }
  return { samples, shards: shards.length, leftOut, removed, files };
}

/** The chosen samples as a shard of their own, with its index; null: there is none of them. */
async function copyShard(
  path: string,
  samples: AsyncIterable<ShardSample>,
): Promise<Omit<DescribedFile, 'path'> | null> {
  const file = await ShardFile.open(path);
  try {
    for await (const sample of samples) await file.add(sample);
    if (file.samples === 0) {
      await file.discard();
      return null;
    }
    const sha256 = await file.finish();
    await writeFile(path.replace(/(\.tar)?$/, '.idx'), file.index());
    return { sha256, bytes: (await stat(path)).size };
  } catch (thrown) {
    await file.discard();
    throw thrown;
  }
}
