import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { guards } from './guards.mjs';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test.each(guards)('$guard: the guard stands where the list says', ({ file, from, to, tests }) => {
  expect(readFileSync(root(file), 'utf8').split(from)).toHaveLength(2);
  expect(to).not.toBe(from);
  expect(tests.filter((path) => !existsSync(root(path)))).toEqual([]);
});
