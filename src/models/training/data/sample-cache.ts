import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import type { ReadOptions, TrainingSample } from './samples.js';

/**
 * Decoded samples in a file, so that a run that is continued need not decode its shards again.
 *
 *   line 1   JSON: { format, key, samples, sha256 }    sha256: of all that follows the line
 *   then     for each sample its length (4 bytes, little endian) and its bytes (V8's serialization)
 *
 * `key` says what was read and how; a file of another key, or one that is not what its first line says, is not used: it
 * can always be made again. It is a cache of this machine's own, never something to pass on.
 */
const format = 'vimi-samples/3';
const chunk = 1 << 20;

/** What decides the samples: the shards' contents and how they are read. */
export function cacheKey(shards: readonly { sha256: string }[], options: ReadOptions): string {
  const { side, height = side, frames, fps = null, path = null } = options;
  return createHash('sha256')
    .update(JSON.stringify({ format, shards: shards.map(({ sha256 }) => sha256), side, height, frames, fps, path }))
    .digest('hex');
}

/** The samples, or null when there is no such file, or it is of other shards, or damaged. */
export async function readCache(path: string, key: string): Promise<TrainingSample[] | null> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return null;
  try {
    const head = Buffer.alloc(1024);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const end = head.subarray(0, bytesRead).indexOf('\n');
    const told = JSON.parse(head.toString('utf8', 0, Math.max(0, end))) as Record<string, unknown>;
    if (told.format !== format || told.key !== key) return null;
    // All of it is checked before any of it is believed.
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(chunk);
    const { size } = await file.stat();
    for (let at = end + 1; at < size; ) {
      const read = (await file.read(buffer, 0, chunk, at)).bytesRead;
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      at += read;
    }
    if (hash.digest('hex') !== told.sha256) return null;
    const samples: TrainingSample[] = [];
    const length = Buffer.alloc(4);
    for (let at = end + 1; at < size; ) {
      await file.read(length, 0, 4, at);
      const next = length.readUInt32LE(0);
      if (next > size - at - 4) return null;
      const bytes = Buffer.alloc(next);
      await file.read(bytes, 0, bytes.length, at + 4);
      samples.push(deserialize(bytes) as TrainingSample);
      at += 4 + bytes.length;
    }
    return samples.length === told.samples ? samples : null;
  } catch {
    return null;
  } finally {
    await file.close();
  }
}

/** Writes beside and renames. A cache that cannot be written (no space) is none; training goes on without. */
export async function writeCache(path: string, key: string, samples: readonly TrainingSample[]): Promise<void> {
  const beside = `${path}.tmp`;
  try {
    const hash = createHash('sha256');
    for (const sample of samples) for (const part of framed(sample)) hash.update(part);
    const head = { format, key, samples: samples.length, sha256: hash.digest('hex') };
    const file = await open(beside, 'w');
    try {
      await file.write(`${JSON.stringify(head)}\n`);
      for (const sample of samples) for (const part of framed(sample)) await file.write(part);
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch {
    await rm(beside, { force: true }).catch(() => undefined);
  }
}

function framed(sample: TrainingSample): [Buffer, Buffer] {
  const bytes = serialize(sample);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, bytes];
}
