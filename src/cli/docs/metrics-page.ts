import { createMetrics } from '../../streams/metrics.js';
import { table } from './markdown.js';

/** What the driver of the metrics keeps of each, though it does not say so in its types. */
interface Described {
  name: string;
  type: string;
  labelNames: string[];
  help: string;
}

/** What a running process tells whoever scrapes it. */
export function metricsPage(): string {
  const metrics = createMetrics().registry.getMetricsAsArray() as unknown as Described[];
  return `${[
    '# Metrics',
    '`vimi run --metrics 9464` serves them at `http://127.0.0.1:9464/metrics`, in the text format of Prometheus; `--metrics-host` names another address. Each process tells of itself alone: sum over processes. Those of brokers and groups stay at nothing with the embedded transport. Generated from what is served.',
    table(
      ['Metric', 'Kind', 'Labels', 'Meaning'],
      metrics.map(({ name, type, labelNames, help }) => [
        `\`${name}\``,
        type,
        labelNames.map((label) => `\`${label}\``).join(', '),
        help,
      ]),
    ),
    '## What to watch',
    table(['Question', 'PromQL', 'If so'], watched),
  ].join('\n\n')}\n`;
}

const watched = [
  [
    'Does work pile up?',
    '`sum by (pipeline) (vimi_lag)` grows',
    'start more processes, up to the number of partitions',
  ],
  [
    'Does it stand still?',
    '`vimi_window_open` at `vimi_window_size`, no `rate(vimi_events_total[5m])`',
    'a step hangs',
  ],
  ['Are brokers away?', '`vimi_transport_waiting > 0` for a minute', 'see the log: `--log-level info`'],
  [
    'Does the group come to rest?',
    '`rate(vimi_rebalances_total[10m])` stays above 0',
    'processes come and go, or stall for longer than `session_timeout`',
  ],
  [
    'Do processes stall?',
    '`vimi_commits_total{outcome="fenced"}` grows',
    'give them processor time, or a longer `session_timeout`',
  ],
  [
    'Is one event very slow?',
    '`vimi_metadata_full_total` grows',
    'outputs of later events wait for it; look for the oldest event in flight',
  ],
];
