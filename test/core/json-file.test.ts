import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type JsonFile, readJsonFile } from '../../src/core/json-file.js';

const how: JsonFile<number> = {
  most: 32,
  unreadable: ['FILE_UNUSABLE', 'The count cannot be read'],
  tooLarge: ['FILE_UNUSABLE', 'The count is too large'],
  expected: '{"count": N}',
  parse(value) {
    const { count } = value as { count?: unknown };
    if (typeof count !== 'number') throw new Error(`no count but ${JSON.stringify(value)}`);
    return count;
  },
};

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'vimi-json-')), 'count.json');
});
afterEach(() => rm(join(path, '..'), { recursive: true, force: true }));

it('gives what the file holds', async () => {
  await writeFile(path, '{"count": 3}');
  expect(await readJsonFile(path, how)).toBe(3);
});

it.each(['', '{', 'null', '{"count": "3"}', '[]'])('refuses %j, and says what was expected', async (text) => {
  await writeFile(path, text);
  const refused = { code: 'FILE_UNUSABLE', expected: '{"count": N}', where: path };
  await expect(readJsonFile(path, how)).rejects.toMatchObject(refused);
});

it('refuses a file that is too large, or is not there', async () => {
  await expect(readJsonFile(path, how)).rejects.toMatchObject({ code: 'FILE_UNUSABLE', where: path });
  await writeFile(path, `{"count": 3, "more": "${'x'.repeat(32)}"}`);
  await expect(readJsonFile(path, how)).rejects.toThrow('The count is too large');
});

it('says nothing of what a file of secrets holds', async () => {
  await writeFile(path, '{"secret": "whsec_1"}');
  const open = await readJsonFile(path, how).catch((thrown: Error) => thrown);
  expect(String((open as Error).cause)).toContain('whsec_1');
  const hidden = await readJsonFile(path, { ...how, isSecret: true }).catch((thrown: Error) => thrown);
  expect((hidden as Error).cause).toBeUndefined();
});
