import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alerts } from '../../src/cli/docs/alerts/alerts.js';
import { recordedFaults } from '../../src/cli/docs/alerts/recorded.js';
import { errorCodes } from '../../src/core/errors.js';

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const headings = (text: string) => [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);

/* Whoever is woken finds what woke them. */
describe('the runbook', () => {
  const faults = page('guides/find-the-cause.md');

  it('has each alert, and each error code with what happened and what to do', () => {
    expect(headings(page('reference/alerts.md'))).toEqual(alerts.map(({ name }) => name));
    const rows = [...page('reference/errors.md').matchAll(/^\| `(\w+)` \| (.*\S.*) \| (.*\S.*) \|$/gm)];
    expect(rows.map(([, code]) => code).sort()).toEqual(Object.keys(errorCodes).sort());
  });

  it('names alerts that there are', () => {
    const known = alerts.map(({ name }) => name);
    const named = [...faults.matchAll(/\bVimi[A-Z]\w+/g)].map(([name]) => name);
    expect(named).not.toEqual([]);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(recordedFaults)('describes the fault that promtool plays: $fault, $alert', ({ fault, alert, raises }) => {
    expect(headings(faults)).toContain(fault);
    if (raises) expect(faults).toContain(alert);
  });
});
