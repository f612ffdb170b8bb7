import { describe, expect, it } from 'vitest';
import { alerts } from '../../../src/cli/docs/alerts/alerts.js';
import { dashboard } from '../../../src/cli/docs/dashboard.js';
import { servedMetrics } from '../../../src/cli/docs/served-metrics.js';

/* What the rules do is for promtool to say (npm run check:operations): here, that they speak of metrics that there are. */
describe('alerts', () => {
  const served = new Map(servedMetrics().map(({ name, labelNames }) => [name, labelNames]));
  const mentioned = (text: string) => [...text.matchAll(/\bvimi_\w+/g)].map(([name]) => name);

  it.each(alerts)('$name: its metrics and their labels are served', ({ expr, cases }) => {
    expect(mentioned(expr).filter((name) => !served.has(name))).toEqual([]);
    for (const series of cases.flatMap((one) => Object.keys(one.series))) {
      const [, name, labels = ''] = /^(\w+)\{(.*)\}$/.exec(series)!;
      if (name === 'up') continue;
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label);
      expect([...served.get(name!)!, 'instance']).toEqual(expect.arrayContaining(names));
    }
  });

  it.each(alerts)('$name: one case raises it, and one does not', ({ cases }) => {
    expect(cases.some(({ raises }) => raises)).toBe(true);
    expect(cases.some(({ raises }) => !raises)).toBe(true);
  });
});

describe('the dashboard', () => {
  it('shows every metric', () => {
    const shown: string[] = [];
    JSON.parse(dashboard(), (key, value) => (key === 'expr' ? shown.push(value) : value));
    const names = servedMetrics().map(({ name }) => name);
    expect(names.filter((name) => !new RegExp(`\\b${name}(_bucket)?\\b`).test(shown.join('\n')))).toEqual([]);
  });
});
