import { markdownTable } from '../../core/markdown-table.js';
import { servedMetrics } from './served-metrics.js';

/** What a running process tells whoever scrapes it. */
export function metricsPage(): string {
  const metrics = servedMetrics();
  return `${[
    '# Metrics',
    '`vimi run` serves them at `http://127.0.0.1:9400/metrics`, in the text format of Prometheus; `--http HOST:PORT` names another address. Each process reports only itself: sum over processes. Broker and consumer-group metrics are always 0 with the embedded transport. This page is generated from the metrics that are served.',
    markdownTable(
      ['Metric', 'Kind', 'Labels', 'Meaning'],
      metrics.map(({ name, type, labelNames, help }) => [
        `\`${name}\``,
        type,
        labelNames.map((label) => `\`${label}\``).join(', '),
        help,
      ]),
    ),
    '[Alerts](alerts.md) says what to watch, and what to do. `infra/grafana/dashboards/vimi.json` is a dashboard of all these metrics for Grafana.',
  ].join('\n\n')}\n`;
}
