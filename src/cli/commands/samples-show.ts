import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { liveShards } from '../../app/samples/live-shards.js';
import { type ShardSample, shardSamples } from '../../app/samples/shard-samples.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { readSample, sharedOf } from '../../events/sample.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { scoresLine } from './corpus-lineage.js';

export interface SamplesShowOptions {
  /** A folder that gets its members, and the images and clips of its prompt and context. */
  out?: string;
  json?: boolean;
}

/** Shows a sample: what it is, where it comes from, what the model reads, and what was found for it. USAGE if no shard has it. */
export async function samplesShow(
  workspace: Workspace,
  key: string,
  { out: folder, json = false }: SamplesShowOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { shard, text } = await findSample(workspace, key, async (sample) => {
    if (folder !== undefined) await writeMembers(sample, folder);
  });
  if (json) {
    out.write(`${JSON.stringify({ key, shard, ...Object(JSON.parse(text)) })}\n`);
    return;
  }
  const { captions, clip, context, prompt, scores, provenance } = readSample(text, `${shard}, ${key}.json`);
  const line = (name: string, value: string) => out.write(`${name.padEnd(9)} ${value}\n`);
  const fields = (all: object) =>
    Object.entries(all)
      .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toFixed(4)) : value}`)
      .join(', ');
  for (const one of captions) line('caption', one.by ? `${one.text}  (${one.by})` : one.text);
  line('shard', shard);
  line('clip', fields(clip));
  line('scores', scoresLine(scores));
  line('from', fields(provenance));
  const part = ({ text, image, clip, role }: (typeof prompt.parts)[number]) =>
    role === '' ? text : `<${role} ${(clip || image).slice(0, 12)}${text && `: ${text}`}>`;
  line('prompt', prompt.parts.map(part).join(' | '));
  for (const { caption: found, document, image, clip, score, ranks } of context) {
    const shown = clip ? `clip ${clip.sha256.slice(0, 12)}` : `image ${image.sha256.slice(0, 12)}`;
    line(
      clip ? 'motion' : 'context',
      `${found}  score ${score.toFixed(4)} (${fields(ranks)})  ${shown}  document ${document}`,
    );
  }
}

/** Hands the sample on while its shard is open. */
async function findSample(
  workspace: Workspace,
  key: string,
  use: (sample: ShardSample) => Promise<void>,
): Promise<{ shard: string; text: string }> {
  const objects = await workspace.objects();
  for (const { object } of await liveShards(workspace)) {
    if (!(await mayHold(object.key, key, objects))) continue;
    for await (const sample of shardSamples(object.key, objects)) {
      if (sample.key !== key) continue;
      await use(sample);
      return { shard: object.key, text: sample.json };
    }
  }
  throw new VimiError('USAGE', 'No shard has this sample', {
    expected: 'a name that `vimi samples list` prints',
    found: key,
  });
}

/** By the index beside it; shards of older versions have none. */
async function mayHold(shard: string, key: string, objects: ObjectStore): Promise<boolean> {
  const index = besideKey(shard, '.idx');
  return (await objects.stat(index)) === null || (await objects.get(index)).toString().includes(` ${key}.`);
}

async function writeMembers({ members, shared }: ShardSample, folder: string): Promise<void> {
  // What is shared has no dot in its name: people open it by its ending.
  const endings = { image: 'webp', clip: 'mp4' };
  for (const one of [...members, ...shared]) {
    const kind = sharedOf(one.name)?.kind;
    const name = kind ? `${one.name}.${endings[kind]}` : one.name;
    const path = join(folder, name.replaceAll(/[^A-Za-z0-9._/-]|\.\./g, '_'));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await one.read());
  }
}
