import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/internals/threat-model.md'), 'utf8');
const rows = page
  .slice(0, page.indexOf('## Mutated input'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Asset'));

describe('the threat model', () => {
  it('has every party that reaches vimi from outside', () => {
    const parties = [...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name);
    expect(parties).toEqual([
      ...['Publishers of events', 'Media', 'URLs', 'Topologies', 'Weights, nets', 'Model servers'],
      ...['The page, the gallery', 'Tenants', 'Stores and brokers', 'Mutated input', 'What is left'],
    ]);
    expect(rows.length).toBeGreaterThan(35);
  });

  it.each(rows)('names a test that exists: %s', (row) => {
    const [, file = '', name = ''] = /\| `(test\/[^`]+)`: (.+) \|$/.exec(row) ?? [];
    expect(name).not.toBe('');
    expect(readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'")).toContain(name);
  });
});
