interface Panel {
  title: string;
  unit: string;
  /** PromQL and the name of its lines. */
  queries: [expr: string, legend: string][];
  /** What the panel is for, where the title does not say it. */
  description?: string;
  kind?: 'timeseries' | 'stat';
}

const at = 'pipeline=~"$pipeline"';

/** From what is asked first to what is asked seldom. */
const rows: { title: string; panels: Panel[] }[] = [
  {
    title: 'Now',
    panels: [
      {
        title: 'Waiting',
        unit: 'short',
        kind: 'stat',
        queries: [[`sum by (pipeline) (vimi_waiting_events{${at}})`, '{{pipeline}}']],
      },
      {
        title: 'Finished in the last hour',
        unit: 'short',
        kind: 'stat',
        queries: [[`sum by (outcome) (increase(vimi_events_total{${at}}[1h]))`, '{{outcome}}']],
      },
      {
        title: 'Paused',
        unit: 'none',
        kind: 'stat',
        description: 'Why, and at which step. Empty: no pipeline is paused.',
        queries: [[`max by (pipeline, code, step) (vimi_paused{${at}})`, '{{pipeline}} at {{step}}: {{code}}']],
      },
      {
        title: 'Processes',
        unit: 'short',
        kind: 'stat',
        queries: [['count by (version) (vimi_build_info)', '{{version}}']],
      },
    ],
  },
  {
    title: 'Pipelines',
    panels: [
      {
        title: 'Events by outcome',
        unit: 'ops',
        queries: [
          [`sum by (pipeline, outcome) (rate(vimi_events_total{${at}}[$__rate_interval]))`, '{{pipeline}} {{outcome}}'],
        ],
      },
      {
        title: 'Parts by outcome',
        unit: 'ops',
        description: 'Clips and images, after splitting.',
        queries: [
          [
            `sum by (pipeline, outcome, detail) (rate(vimi_parts_total{${at}}[$__rate_interval]))`,
            '{{pipeline}} {{outcome}} {{detail}}',
          ],
        ],
      },
      {
        title: 'Waiting and lag',
        unit: 'short',
        description: 'Waiting: events without an outcome. Lag: offsets; over Kafka it need not reach 0.',
        queries: [
          [`sum by (pipeline) (vimi_waiting_events{${at}})`, '{{pipeline}} waiting'],
          [`sum by (pipeline) (vimi_lag{${at}})`, '{{pipeline}} lag'],
        ],
      },
      {
        title: 'In flight, of the most',
        unit: 'percentunit',
        queries: [
          [`sum by (pipeline) (vimi_in_flight{${at}}) / sum by (pipeline) (vimi_max_in_flight{${at}})`, '{{pipeline}}'],
        ],
      },
      {
        title: 'Time from reading to outcome',
        unit: 's',
        queries: [
          [
            `histogram_quantile(0.5, sum by (pipeline, le) (rate(vimi_event_seconds_bucket{${at}}[$__rate_interval])))`,
            '{{pipeline}} p50',
          ],
          [
            `histogram_quantile(0.99, sum by (pipeline, le) (rate(vimi_event_seconds_bucket{${at}}[$__rate_interval])))`,
            '{{pipeline}} p99',
          ],
        ],
      },
      {
        title: 'Partitions',
        unit: 'short',
        queries: [[`sum by (pipeline, instance) (vimi_partitions{${at}})`, '{{pipeline}} {{instance}}']],
      },
    ],
  },
  {
    title: 'Steps',
    panels: [
      {
        title: 'Time in each step, p99',
        unit: 's',
        queries: [
          [
            `histogram_quantile(0.99, sum by (pipeline, step, le) (rate(vimi_step_seconds_bucket{${at}}[$__rate_interval])))`,
            '{{pipeline}}.{{step}}',
          ],
        ],
      },
      {
        title: 'Events in each step',
        unit: 'short',
        queries: [[`sum by (pipeline, step) (vimi_step_in_flight{${at}})`, '{{pipeline}}.{{step}}']],
      },
      {
        title: 'Age of the oldest event',
        unit: 's',
        queries: [[`max by (pipeline, step) (vimi_step_oldest_seconds{${at}})`, '{{pipeline}}.{{step}}']],
      },
      {
        title: 'Counts of operators',
        unit: 'ops',
        description: 'The pages of the operators say what each counter means.',
        queries: [
          [
            `sum by (pipeline, step, counter) (rate(vimi_operator_count_total{${at}}[$__rate_interval]))`,
            '{{pipeline}}.{{step}} {{counter}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Jobs and models',
    panels: [
      {
        title: 'Jobs without an outcome',
        unit: 'short',
        queries: [[`sum by (pipeline, state) (vimi_jobs{${at}})`, '{{pipeline}} {{state}}']],
      },
      {
        title: 'Time in which each model draws',
        unit: 'percentunit',
        queries: [
          [
            'sum by (model, instance) (rate(vimi_model_busy_seconds_total[$__rate_interval]))',
            '{{model}} {{instance}}',
          ],
        ],
      },
      {
        title: 'At each model',
        unit: 'short',
        queries: [
          ['sum by (model) (vimi_model_waiting)', '{{model}} waiting'],
          ['sum by (model) (vimi_model_drawing)', '{{model}} drawing'],
          ['sum by (model) (vimi_model_at_once)', '{{model}} at once'],
        ],
      },
      {
        title: 'Models',
        unit: 'short',
        description: 'Processes by model, what it runs on, and weights.',
        queries: [
          [
            'count by (model, backend, device, weights, server) (vimi_model_info)',
            '{{model}} {{backend}} {{device}} {{weights}} {{server}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Dead letters and losses',
    panels: [
      {
        title: 'Rejects',
        unit: 'short',
        queries: [
          [
            `sum by (pipeline, code, step) (increase(vimi_rejects_total{${at}}[$__rate_interval]))`,
            '{{pipeline}} {{code}} at {{step}}',
          ],
        ],
      },
      {
        title: 'Records lost, positions lost',
        unit: 'short',
        queries: [
          [`sum by (pipeline, reason) (vimi_lost_total{${at}})`, '{{pipeline}} records {{reason}}'],
          [`sum by (pipeline, reason) (vimi_lost_positions_total{${at}})`, '{{pipeline}} positions {{reason}}'],
        ],
      },
    ],
  },
  {
    title: 'The log',
    panels: [
      {
        title: 'Commits',
        unit: 'ops',
        queries: [
          [
            `sum by (pipeline, outcome) (rate(vimi_commits_total{${at}}[$__rate_interval]))`,
            '{{pipeline}} {{outcome}}',
          ],
          [`sum by (pipeline) (vimi_awaiting_commit{${at}})`, '{{pipeline}} awaiting'],
        ],
      },
      {
        title: 'Commits held back, foreign offsets',
        unit: 'short',
        queries: [
          [`sum by (pipeline) (increase(vimi_metadata_full_total{${at}}[$__rate_interval]))`, '{{pipeline}} held back'],
          [
            `sum by (pipeline) (increase(vimi_foreign_metadata_total{${at}}[$__rate_interval]))`,
            '{{pipeline}} foreign',
          ],
        ],
      },
      {
        title: 'Brokers',
        unit: 'short',
        queries: [
          ['sum by (instance) (vimi_transport_waiting)', '{{instance}} waits'],
          ['sum (increase(vimi_transport_retries_total[$__rate_interval]))', 'retries'],
          ['sum (increase(vimi_transport_outages_total[$__rate_interval]))', 'outages'],
        ],
      },
      {
        title: 'Groups',
        unit: 'short',
        queries: [
          ['sum by (group) (increase(vimi_rebalances_total[$__rate_interval]))', '{{group}} rebalances'],
          [
            'sum by (group, outcome) (increase(vimi_transactions_in_doubt_total[$__rate_interval]))',
            '{{group}} in doubt {{outcome}}',
          ],
        ],
      },
    ],
  },
  {
    title: 'Webhooks and HTTPS',
    panels: [
      {
        title: 'Webhooks',
        unit: 'short',
        queries: [
          ['sum by (outcome) (increase(vimi_webhook_attempts_total[$__rate_interval]))', 'attempts {{outcome}}'],
          ['sum (vimi_webhooks_waiting)', 'waiting'],
        ],
      },
      {
        title: 'Until the certificate expires',
        unit: 's',
        queries: [['min by (instance) (vimi_https_certificate_expires_seconds - time())', '{{instance}}']],
      },
    ],
  },
];

/** A dashboard of every metric, for Grafana 11 and later. */
export function dashboard(): string {
  const panels: object[] = [];
  let y = 0;
  let id = 1;
  for (const row of rows) {
    panels.push({
      id: id++,
      type: 'row',
      title: row.title,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      collapsed: false,
      panels: [],
    });
    const isStat = row.panels[0]!.kind === 'stat';
    const [width, height] = isStat ? [24 / row.panels.length, 4] : [12, 8];
    row.panels.forEach((panel, n) => {
      const perRow = 24 / width;
      panels.push(
        asPanel(panel, id++, { x: (n % perRow) * width, y: y + Math.floor(n / perRow) * height, w: width, h: height }),
      );
    });
    y += Math.ceil((row.panels.length * width) / 24) * height;
  }
  const all = {
    uid: 'vimi',
    title: 'vimi',
    tags: ['vimi'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'pipeline',
          type: 'query',
          label: 'Pipeline',
          datasource,
          query: { query: 'label_values(vimi_partitions, pipeline)', refId: 'pipeline' },
          refresh: 2,
          includeAll: true,
          allValue: '.*',
          multi: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels,
  };
  return `${JSON.stringify(all, null, 2)}\n`;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
const datasource = { type: 'prometheus', uid: '${datasource}' };

function asPanel({ title, unit, queries, description, kind = 'timeseries' }: Panel, id: number, gridPos: object) {
  return {
    id,
    type: kind,
    title,
    ...(description && { description }),
    gridPos,
    datasource,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, textMode: 'value_and_name', colorMode: 'none' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: queries.map(([expr, legendFormat], n) => ({
      refId: String.fromCharCode(65 + n),
      datasource,
      expr,
      legendFormat,
    })),
  };
}
