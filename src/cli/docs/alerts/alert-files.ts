import { stringify } from 'yaml';
import { markdownTable } from '../../../core/markdown-table.js';
import type { Alert } from './alert.js';
import { alerts } from './alerts.js';
import { recordedFaults } from './recorded.js';

const generated = '# Generated from src/cli/docs/alerts: npm run docs\n';
const yaml = (value: object) => `${generated}${stringify(value, { lineWidth: 0 })}`;

const runbook = 'docs/reference/alerts.md';

/** For `rule_files` of Prometheus. */
export function alertRules(): string {
  const rules = alerts.map((alert) => ({
    alert: alert.name,
    expr: alert.expr,
    ...(alert.for !== '0m' && { for: alert.for }),
    labels: { severity: alert.severity },
    annotations: annotations(alert),
  }));
  return yaml({ groups: [{ name: 'vimi', rules }] });
}

/** For `promtool test rules`: every alert fires when it should, and is silent when it should be. */
export function alertTests(): string {
  const tests = alerts.flatMap((alert) =>
    alert.cases.map(({ series, minutes, raises }, n) => ({
      name: `${alert.name} ${n + 1}: ${raises ? 'fires' : 'is silent'}`,
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [
        {
          eval_time: `${minutes}m`,
          alertname: alert.name,
          exp_alerts: raises
            ? [{ exp_labels: { severity: alert.severity, ...raises }, exp_annotations: annotations(alert, raises) }]
            : [],
        },
      ],
    })),
  );
  return yaml({ rule_files: ['alerts.yaml'], evaluation_interval: '15s', tests: [...tests, ...recordedTests()] });
}

/** With the series that runs served, as often as a Prometheus reads them that is told nothing else. */
function recordedTests() {
  return recordedFaults.map(({ fault, alert: name, series, raises, silentAt, firesAt }) => {
    const alert = alerts.find((one) => one.name === name)!;
    const fired = raises && {
      exp_labels: { severity: alert.severity, ...raises },
      exp_annotations: annotations(alert, raises),
    };
    return {
      name: `${fault}: ${name} ${raises ? 'fires' : 'is silent'}`,
      interval: '15s',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      alert_rule_test: [
        { eval_time: `${silentAt}s`, alertname: name, exp_alerts: [] },
        { eval_time: `${firesAt}s`, alertname: name, exp_alerts: fired ? [fired] : [] },
      ],
    };
  });
}

/** What whoever is woken reads. */
export function alertsPage(): string {
  return `${[
    '# Alerts',
    'The rules of [`infra/prometheus/alerts.yaml`](../../infra/prometheus/alerts.yaml), for `rule_files` of Prometheus. Critical: work stands still or is lost. Warning: it will, or somebody must decide. `npm run check:operations` lets promtool check the rules and show for each one a case in which it fires and one in which it does not. Generated from `src/cli/docs/alerts`.',
    markdownTable(
      ['Alert', 'Severity', 'Fires when'],
      alerts.map(({ name, severity, summary }) => [
        `[${name}](#${name.toLowerCase()})`,
        severity,
        summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => label.toUpperCase()),
      ]),
    ),
    ...alerts.flatMap(({ name, means, remedy, expr, for: long }) => [
      `## ${name}`,
      means,
      remedy.map((one, n) => `${n + 1}. ${one}`).join('\n'),
      `\`\`\`promql\n${expr}\n\`\`\`${long === '0m' ? '' : `\n\nHolds for ${long} before it fires.`}`,
    ]),
  ].join('\n\n')}\n`;
}

function annotations({ name, summary, remedy }: Alert, labels?: Record<string, string>) {
  const filled = labels ? summary.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => labels[label] ?? '') : summary;
  return { summary: filled, description: remedy.join(' '), runbook: `${runbook}#${name.toLowerCase()}` };
}
