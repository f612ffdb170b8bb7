import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheKey, readCache, writeCache } from '../../../../src/models/training/data/sample-cache.js';
import type { TrainingSample } from '../../../../src/models/training/data/samples.js';

const samples: TrainingSample[] = [8, Number.POSITIVE_INFINITY].map((fps, i) => ({
  ...{ key: `k${i}`, frames: new Uint8Array(48).fill(i + 1), count: 2, fps, contextCaptions: ['a fox'] },
  prompt: {
    ...{ task: 'text-to-video' as const, instruction: 'make' },
    parts: [{ text: 'füchse' }, { pixels: { width: 1, height: 2, data: new Uint8Array(6).fill(9) }, role: 'subject' }],
  },
}));
const path = async () => join(await mkdtemp(join(tmpdir(), 'vimi-')), 'samples.cache');

test('what was written is read again', async () => {
  const file = await path();
  expect(await readCache(file, 'key')).toBeNull();
  await writeCache(file, 'key', samples);
  const read = await readCache(file, 'key');
  expect(read).toHaveLength(2);
  for (const [i, sample] of read!.entries()) {
    expect({ ...sample, frames: [...sample.frames] }).toMatchObject({
      ...{ key: `k${i}`, fps: samples[i]!.fps, count: 2, contextCaptions: ['a fox'] },
      frames: [...samples[i]!.frames],
    });
    expect(sample.prompt.parts[0]).toEqual({ text: 'füchse' });
    const [, image] = sample.prompt.parts;
    expect(image && 'pixels' in image && [...image.pixels.data]).toEqual([9, 9, 9, 9, 9, 9]);
  }
});

test('of other shards, damaged or cut, it is not used', async () => {
  const file = await path();
  await writeCache(file, 'key', samples);
  expect(await readCache(file, 'another')).toBeNull();
  const whole = await readFile(file);
  for (const bytes of [
    whole.subarray(0, whole.length - 1),
    Buffer.concat([whole, Buffer.alloc(1)]),
    Buffer.from(whole.map((byte, i) => (i === whole.length - 20 ? byte ^ 1 : byte))),
    Buffer.from('no cache'),
    Buffer.alloc(0),
  ]) {
    await writeFile(file, bytes);
    expect(await readCache(file, 'key')).toBeNull();
  }
});

test('whole by its checksum, but with a sample longer than the file, it is not used either', async () => {
  const file = await path();
  for (const length of [1, 0xffffffff]) {
    const body = Buffer.alloc(4);
    body.writeUInt32LE(length);
    const sha256 = createHash('sha256').update(body).digest('hex');
    const head = { format: 'vimi-samples/2', key: 'key', samples: 1, sha256 };
    await writeFile(file, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]));
    expect(await readCache(file, 'key')).toBeNull();
  }
});

test('a folder that cannot be written to is no error', async () => {
  await expect(writeCache('/nowhere/samples.cache', 'key', samples)).resolves.toBeUndefined();
});

test('its key tells shards, size, frames and rate apart', () => {
  const options = { side: 32, frames: 8, fps: 8 };
  const keys = [
    cacheKey([{ sha256: 'a' }], options),
    cacheKey([{ sha256: 'b' }], options),
    cacheKey([{ sha256: 'a' }], { ...options, side: 64 }),
    cacheKey([{ sha256: 'a' }], { ...options, height: 16 }),
    cacheKey([{ sha256: 'a' }], { ...options, frames: 16 }),
    cacheKey([{ sha256: 'a' }], { ...options, fps: 16 }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(cacheKey([{ sha256: 'a' }], { ...options, height: 32 })).toBe(keys[0]);
});
