import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { HeldFrames } from '../../src/media/held-frames.js';
import { testFolder } from './make-media.js';

const folder = await testFolder();

it.each([
  ['in memory', 4, 1 << 20],
  ['in memory and in a file', 3, 20 << 20],
])('frames are there in any order, %s', async (where, count, bytes) => {
  const path = join(folder, `${count}.rgb`);
  const held = new HeldFrames(path);
  for (let n = 0; n < count; n++) await held.add(new Uint8Array(bytes).fill(n + 1));
  expect(held.count).toBe(count);
  for (const n of [count - 1, 0, 1])
    expect([(await held.at(n)).length, (await held.at(n)).at(-1)]).toEqual([bytes, n + 1]);
  const all: number[] = [];
  for await (const frame of held.all()) all.push(frame[0]!);
  expect(all).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  await held.close();
  await (where === 'in memory' ? expect(access(path)).rejects.toThrow() : access(path));
});
