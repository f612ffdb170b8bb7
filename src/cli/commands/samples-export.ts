import { openKeepList } from '../../app/passes/keep-lists.js';
import type { ExportFormat } from '../../app/samples/export/export-formats.js';
import { exportSamples } from '../../app/samples/export/export-samples.js';
import { mediumHash } from '../../app/samples/shard-samples.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { VimiError } from '../../core/errors.js';
import { readSample } from '../../events/sample.js';
import { progress } from '../progress.js';

export interface SamplesExportOptions {
  format: ExportFormat;
  embed?: boolean;
  /** Of these sources only. */
  source?: string[];
  /** Of which the samples are left out that it leaves out. */
  keepList?: string;
  /** As grounded last, where a shard was grounded again. */
  regrounded?: boolean;
  json?: boolean;
  signal?: AbortSignal;
}

/** Writes the samples of all shards that are there now to a folder, for tools that know no shards. */
export async function samplesExport(
  workspace: Workspace,
  folder: string,
  { format, embed, source, keepList, regrounded, json = false, signal }: SamplesExportOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  if (embed && format === 'croissant')
    throw new VimiError('USAGE', 'A Croissant dataset has its clips in its shards', {
      ...{ expected: '--embed with --format parquet or lance', found: `--format ${format}` },
    });
  const list = keepList === undefined ? null : await openKeepList(keepList, await workspace.keepListPlace());
  const bar = progress('exporting shards');
  const exported = await exportSamples(workspace, folder, {
    ...{ format, embed, regrounded, signal, onShard: (done, total) => bar.update(done, total) },
    async keeps(sample) {
      if (source && !source.includes(readSample(sample.json, sample.key).provenance.source)) return false;
      return !list?.ofMedium(await mediumHash(sample));
    },
  }).finally(() => bar.finish());
  const { samples, shards, leftOut, removed, files } = exported;
  out.write(
    json
      ? `${JSON.stringify({ folder, format, samples, shards, left_out: leftOut, removed, files })}\n`
      : `${counted(samples, 'sample')} of ${counted(shards, 'shard')} in ${folder}: ${files.length > 3 ? `${files.length} files` : files.join(', ')}${leftOut > 0 ? `; ${leftOut} left out` : ''}\n`,
  );
  if (removed > 0 && !json)
    out.write(
      `${counted(removed, 'sample')} left out, of what was removed from the corpus or with some of it: \`vimi corpus remove --rewrite-shards\` takes that out of the shards\n`,
    );
}
