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

it('the memory of one clip is that of the next, whatever the size of its frames', async () => {
  const one = new HeldFrames(join(folder, 'one.rgb'));
  await one.add(new Uint8Array(300).fill(1));
  const { buffer } = await one.at(0);
  await one.close();
  const next = new HeldFrames(join(folder, 'next.rgb'));
  for (const value of [2, 3]) await next.add(new Uint8Array(700).fill(value));
  expect((await next.at(1)).buffer).toBe(buffer);
  expect([...new Set(await next.at(0)), ...new Set(await next.at(1))]).toEqual([2, 3]);
  expect(await next.at(1)).toHaveLength(700);
  await next.close();
});
