import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const tests = join(import.meta.dirname, '..');
const fixedLimit = /\btimeout: (?!0\b)\d[\d_]*\b(?! \*)|^\s*\}, \d{2,3}_000\);/;

it('[safety S17] limits of time in tests are multiples of what a piece of work takes here (support/patience.ts), not so many seconds', () => {
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(300);
  const fixed = files.flatMap((file) =>
    readFileSync(join(tests, file), 'utf8')
      .split('\n')
      .flatMap((line, n) => (fixedLimit.test(line) ? [`${file}:${n + 1}`] : [])),
  );
  expect(fixed).toEqual([]);
});
