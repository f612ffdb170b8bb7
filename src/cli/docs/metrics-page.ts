import { createServiceMetrics } from '../../app/service-metrics.js';
import { markdownTable } from '../../core/markdown-table.js';
import { createMetrics } from '../../streams/delivery/metrics.js';

/** What the driver of the metrics keeps of each, though it does not say so in its types. */
interface Described {
  name: string;
  type: string;
  labelNames: string[];
  help: string;
}

/** What a running process tells whoever scrapes it. */
export function metricsPage(): string {
  const { registry } = createMetrics();
  createServiceMetrics(registry);
  const metrics = registry.getMetricsAsArray() as unknown as Described[];
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
    '## What to watch',
    markdownTable(['Question', 'PromQL', 'If so'], watched),
  ].join('\n\n')}\n`;
}

const watched = [
  [
    'Does work pile up?',
    '`sum by (pipeline) (vimi_lag)` grows',
    'start more processes, up to the number of partitions',
  ],
  [
    'Does work stand still?',
    '`vimi_in_flight` at `vimi_max_in_flight`, no `rate(vimi_events_total[5m])`',
    'a step hangs',
  ],
  [
    'Do dead letters come in?',
    '`sum by (code) (rate(vimi_rejects_total[10m]))` is above 0',
    '`vimi rejects` lists them; mend the cause, then `vimi rejects replay`',
  ],
  ['Are brokers away?', '`vimi_transport_waiting > 0` for a minute', 'see the log: `--log-level info`'],
  [
    'Does the group keep rebalancing?',
    '`rate(vimi_rebalances_total[10m])` stays above 0',
    'processes come and go, or stall for longer than `session_timeout`',
  ],
  [
    'Do processes stall?',
    '`vimi_commits_total{outcome="fenced"}` grows',
    'give them processor time, or a longer `session_timeout`',
  ],
  [
    'Do receivers of webhooks fail?',
    '`rate(vimi_webhook_attempts_total{outcome!="delivered"}[30m])` is above 0, or `sum(vimi_webhooks_waiting)` grows',
    '`vimi webhooks list --status pending` says why; mend the receiver, then `vimi webhooks replay`',
  ],
  [
    'Does the certificate end soon?',
    '`vimi_https_certificate_expires_seconds - time() < 14 * 86400`',
    'replace its files; the process reads them again',
  ],
  [
    'Is one event very slow?',
    '`vimi_metadata_full_total` grows',
    'outputs of later events wait for it; look for the oldest event in flight',
  ],
];
