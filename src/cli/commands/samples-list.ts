import { liveShards } from '../../app/samples/live-shards.js';
import { shardSamples } from '../../app/samples/shard-samples.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { readSample } from '../../events/sample.js';
import { shapeOf } from '../../events/sample-shape.js';

export interface SamplesListOptions {
  /** Of these sources only. */
  source?: string[];
  /** As grounded last, where a shard was grounded again. */
  regrounded?: boolean;
  /** Counts them instead, by the class of their shapes. */
  by?: 'shape';
  json?: boolean;
}

/** Lists the samples of all shards that are there now: a line each. */
export async function samplesList(
  workspace: Workspace,
  { source, regrounded, by, json = false }: SamplesListOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const objects = await workspace.objects();
  const shapes = new Map<string, number>();
  let [samples, shards] = [0, 0];
  for (const { object } of await liveShards(workspace, { regrounded })) {
    shards++;
    for await (const { key, json: text } of shardSamples(object.key, objects)) {
      const { caption, context, provenance, clip } = readSample(text, `${object.key}, ${key}.json`);
      const { uri, source: from, licence } = provenance;
      if (source && !source.includes(from)) continue;
      samples++;
      const shape = shapeOf(clip);
      shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
      if (by) continue;
      const told = { key, shard: object.key, caption, context: context.length, fps: clip.fps, shape };
      out.write(
        json
          ? `${JSON.stringify({ ...told, uri, source: from, licence })}\n`
          : `${key}  ${caption}  (${context.length} in context)  ${from}  ${licence}\n`,
      );
    }
  }
  if (by)
    for (const [shape, count] of [...shapes].sort(([, a], [, b]) => b - a))
      out.write(json ? `${JSON.stringify({ shape, samples: count })}\n` : `${String(count).padStart(8)}  ${shape}\n`);
  if (!json) out.write(`${counted(samples, 'sample')} in ${counted(shards, 'shard')}\n`);
}
