import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { sampleMistakes } from '../../app/samples/check-sample.js';
import { allShards } from '../../app/samples/live-shards.js';
import { shardSamples } from '../../app/samples/shard-samples.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { asVimiError } from '../../core/errors.js';
import type { SamplesSealed } from '../../events/schemas.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

/**
 * Verifies every shard that is there now: its bytes against the digest of its event, as many samples as that says, the
 * members and facts of each, every image by its hash, and the index beside it. Gives whether all is right, and names what
 * is not.
 */
export async function samplesVerify(
  workspace: Workspace,
  { json = false }: { json?: boolean },
  out: NodeJS.WritableStream,
): Promise<boolean> {
  const objects = await workspace.objects();
  let [shards, samples, wrong] = [0, 0, 0];
  for (const sealed of (await allShards(workspace)).flatMap(({ live, regrounded }) => [...live, ...regrounded])) {
    shards++;
    samples += sealed.samples;
    for (const mistake of await shardMistakes(sealed, objects)) {
      wrong++;
      out.write(
        json ? `${JSON.stringify({ shard: sealed.object.key, mistake })}\n` : `${sealed.object.key}: ${mistake}\n`,
      );
    }
  }
  out.write(
    json
      ? `${JSON.stringify({ shards, samples, mistakes: wrong })}\n`
      : `${counted(samples, 'sample')} in ${counted(shards, 'shard')}: ${wrong === 0 ? 'all as they should be' : counted(wrong, 'mistake')}\n`,
  );
  return wrong === 0;
}

async function shardMistakes({ object, samples }: SamplesSealed, objects: ObjectStore): Promise<string[]> {
  const { key, sha256 } = object;
  const mistakes: string[] = [];
  try {
    const hash = createHash('sha256');
    await pipeline(await objects.stream(key), hash);
    const found = hash.digest('hex');
    if (found !== sha256) mistakes.push(`its bytes are others: expected SHA-256 ${sha256}, found ${found}`);
    const index =
      (await objects.stat(besideKey(key, '.idx'))) && (await objects.get(besideKey(key, '.idx'))).toString();
    const keys: string[] = [];
    for await (const sample of shardSamples(key, objects)) {
      keys.push(sample.key);
      for (const mistake of await sampleMistakes(sample)) mistakes.push(`${sample.key}: ${mistake}`);
    }
    if (keys.length !== samples) mistakes.push(`expected ${samples} samples, found ${keys.length}`);
    // Shards of older versions have no index.
    const lines = index?.trimEnd().split('\n').slice(1) ?? keys;
    if (lines.length !== keys.length || keys.some((one, n) => !lines[n]!.includes(one)))
      mistakes.push('its .idx names other samples');
  } catch (thrown) {
    mistakes.push(asVimiError(thrown).message);
  }
  return mistakes;
}
