import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { readBudget, writeBudget } from '../../../src/models/servers/budget-file.js';
import { testFolder } from '../../media/make-media.js';

const budget = (atOnce: number) => ({ atOnce, gains: [{ atOnce: 2, times: 1.5 }] });

it('a budget counts for what it was measured on, the newest of each', async () => {
  const path = join(await testFolder(), 'work', 'budgets.json');
  expect(readBudget(path, { weights: 'a' })).toBeUndefined();
  writeBudget(path, { weights: 'a' }, budget(2));
  expect(statSync(dirname(path)).mode.toString(8), 'for its owner alone').toBe('40700');
  writeBudget(path, { weights: 'b' }, budget(4));
  writeBudget(path, { weights: 'a' }, budget(8));
  expect(readBudget(path, { weights: 'a' })).toEqual(budget(8));
  expect(readBudget(path, { weights: 'b' })).toEqual(budget(4));
  expect(readBudget(path, { weights: 'a', threads: 2 })).toBeUndefined();
});

it('a file that cannot be read, or says what cannot be, counts for nothing and is replaced', async () => {
  const path = join(await testFolder(), 'budgets.json');
  for (const content of ['[{"on": "', '{}', '[{"on": "x", "atOnce": 1000000, "gains": []}]']) {
    writeFileSync(path, content);
    expect(readBudget(path, { weights: 'a' })).toBeUndefined();
  }
  writeBudget(path, { weights: 'a' }, budget(2));
  expect(readBudget(path, { weights: 'a' })).toEqual(budget(2));
});

it('keeps the newest, and not all that ever were', async () => {
  const folder = join(await testFolder(), 'work');
  mkdirSync(folder);
  const path = join(folder, 'budgets.json');
  for (let n = 0; n < 100; n++) writeBudget(path, { n }, budget(2));
  expect(readBudget(path, { n: 99 })).toEqual(budget(2));
  expect(readBudget(path, { n: 0 })).toBeUndefined();
  expect(JSON.parse(readFileSync(path, 'utf8')).length).toBeLessThanOrEqual(64);
});
