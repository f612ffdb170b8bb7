import { type Alert, gained } from './alert.js';

const waiting = 'sum by (pipeline) (vimi_waiting_events)';

/** Every alert, those first that somebody should be woken for. */
export const alerts: readonly Alert[] = [
  {
    name: 'VimiDown',
    severity: 'critical',
    expr: 'up{job=~"vimi.*"} == 0',
    for: '2m',
    summary: 'The process at {{ $labels.instance }} does not answer',
    means:
      'Prometheus reaches no metrics. The process has ended, hangs, or is cut off. Other processes of its group take its partitions over.',
    remedy: [
      'Read the end of its log: a run that ends by itself says why in its last line, with a code.',
      'Start it again. What was in flight is repeated, and nothing is lost.',
    ],
    cases: [
      {
        series: { 'up{job="vimi", instance="a:9400"}': '1 1 0x5' },
        minutes: 6,
        raises: { job: 'vimi', instance: 'a:9400' },
      },
      { series: { 'up{job="vimi", instance="a:9400"}': '1 0 1x5' }, minutes: 6, raises: null },
    ],
  },
  {
    name: 'VimiPaused',
    severity: 'critical',
    expr: 'max by (pipeline, code, step) (vimi_paused) == 1',
    for: '2m',
    summary: '{{ $labels.pipeline }} is paused at {{ $labels.step }}: {{ $labels.code }}',
    means:
      'The surroundings are at fault: disk, object store, keys, broker, search engine or model process. The pipeline reads nothing, rejects nothing, and continues by itself when a retry succeeds.',
    remedy: [
      'Look the code up in the [list of errors](errors.md): it says what to do.',
      '`curl HOST:9400/ready` gives the message and the remedy as this process sees them.',
    ],
    cases: [
      {
        series: { 'vimi_paused{pipeline="generate", code="STORAGE_FULL", step="to", instance="a:9400"}': '_ 1x5' },
        minutes: 5,
        raises: { pipeline: 'generate', code: 'STORAGE_FULL', step: 'to' },
      },
      {
        series: {
          'vimi_paused{pipeline="generate", code="STORAGE_FULL", step="to", instance="a:9400"}': '_ 1 stale _x3',
        },
        minutes: 5,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiStandsStill',
    severity: 'critical',
    expr: `(${waiting} > 0) unless (sum by (pipeline) (increase(vimi_events_total[15m])) > 0) unless (max by (pipeline) (vimi_paused) == 1)`,
    for: '15m',
    summary: '{{ $labels.pipeline }} has work and finishes none of it',
    means:
      'Events wait or are in flight, no event has had an outcome for a quarter of an hour, and the pipeline is not paused. A step hangs, or one event takes that long.',
    remedy: [
      '`vimi top` names the step with the oldest event.',
      'The log names that event: `nothing has left the step`. Look at its input, and at the model process or server that the step asks.',
      'If steps may hang, give the pipeline a `step_limit`: an event that takes longer is rejected with `STEP_STUCK`.',
    ],
    cases: [
      {
        series: {
          'vimi_waiting_events{pipeline="corpus", partition="0"}': '3x40',
          'vimi_events_total{pipeline="corpus", outcome="delivered"}': '7x40',
        },
        minutes: 35,
        raises: { pipeline: 'corpus' },
      },
      {
        series: {
          'vimi_waiting_events{pipeline="corpus", partition="0"}': '3x40',
          'vimi_events_total{pipeline="corpus", outcome="delivered"}': '7+1x40',
        },
        minutes: 35,
        raises: null,
      },
      {
        series: {
          'vimi_waiting_events{pipeline="corpus", partition="0"}': '0x40',
          'vimi_events_total{pipeline="corpus", outcome="delivered"}': '7x40',
        },
        minutes: 35,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiRecordsLost',
    severity: 'critical',
    expr: gained('vimi_lost_total', 'pipeline, reason', '10m'),
    for: '0m',
    summary: '{{ $labels.pipeline }} lost records: {{ $labels.reason }}',
    means: 'The log had removed records before this pipeline read them. They are gone from the topic.',
    remedy: [
      'Publish them again from where they came.',
      'Give the topic a longer `retention` than the longest outage, or add processes so that the pipeline keeps up.',
    ],
    cases: [
      {
        series: { 'vimi_lost_total{pipeline="corpus", reason="retention"}': '_x5 7x5' },
        minutes: 7,
        raises: { pipeline: 'corpus', reason: 'retention' },
      },
      { series: { 'vimi_lost_total{pipeline="corpus", reason="retention"}': '7x40' }, minutes: 35, raises: null },
    ],
  },
  {
    name: 'VimiPositionLost',
    severity: 'critical',
    expr: gained('vimi_lost_positions_total', 'pipeline, reason', '10m'),
    for: '0m',
    summary: '{{ $labels.pipeline }} could not use its committed offset: {{ $labels.reason }}',
    means:
      'The group has no committed offset any more (expired), or the topic ends before it (somebody made the topic again).',
    remedy: [
      'If the pipeline ended with `POSITION_LOST`, decide where it continues: `on_lost_position`.',
      'If it continued at the beginning, events of the past are done again; at the end, what came in between was not done. Publish that again.',
      'Raise `offsets.retention.minutes` of the brokers above the longest pause.',
    ],
    cases: [
      {
        series: { 'vimi_lost_positions_total{pipeline="corpus", reason="expired"}': '_x5 1x5' },
        minutes: 7,
        raises: { pipeline: 'corpus', reason: 'expired' },
      },
      {
        series: { 'vimi_lost_positions_total{pipeline="corpus", reason="expired"}': '1x40' },
        minutes: 35,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiBrokersAway',
    severity: 'warning',
    expr: 'max by (instance) (vimi_transport_waiting) > 0',
    for: '2m',
    summary: 'The process at {{ $labels.instance }} waits for a broker',
    means: 'Reading, publishing or the membership of the group fails again and again.',
    remedy: [
      'Look at the brokers.',
      '`curl HOST:9400/ready` says what the process waits for, with a code and a remedy.',
    ],
    cases: [
      { series: { 'vimi_transport_waiting{instance="a:9400"}': '0 1x5' }, minutes: 5, raises: { instance: 'a:9400' } },
      { series: { 'vimi_transport_waiting{instance="a:9400"}': '0 1 0x5' }, minutes: 5, raises: null },
    ],
  },
  {
    name: 'VimiLogSilent',
    severity: 'warning',
    expr: '(vimi_partitions > 0) unless on (pipeline, instance) vimi_waiting_events',
    for: '5m',
    summary: 'The log does not tell {{ $labels.instance }} where {{ $labels.pipeline }} ends',
    means:
      'The log has not answered within two seconds for five minutes. How much work waits is unknown, so scaling by it stands still.',
    remedy: ['Look at the brokers, and at the network between them and this process.'],
    cases: [
      {
        series: {
          'vimi_partitions{pipeline="corpus", instance="a:9400"}': '2x10',
          'vimi_waiting_events{pipeline="corpus", partition="0", instance="a:9400"}': '0 stale _x10',
        },
        minutes: 8,
        raises: { pipeline: 'corpus', instance: 'a:9400' },
      },
      {
        series: {
          'vimi_partitions{pipeline="corpus", instance="a:9400"}': '2x10',
          'vimi_waiting_events{pipeline="corpus", partition="0", instance="a:9400"}': '0x10',
        },
        minutes: 8,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiFallsBehind',
    severity: 'warning',
    expr: `(${waiting} > 50) and (delta((${waiting})[1h:5m]) > 0) and (min_over_time((${waiting})[1h:5m]) > 0)`,
    for: '30m',
    summary: 'More events come to {{ $labels.pipeline }} than it finishes',
    means: 'The number of waiting events has grown for an hour and was never 0.',
    remedy: [
      'Start more processes, up to the number of partitions of the input topic.',
      '`vimi top --sort p99` names the slowest step.',
    ],
    cases: [
      {
        series: { 'vimi_waiting_events{pipeline="corpus", partition="0"}': '60+10x120' },
        minutes: 110,
        raises: { pipeline: 'corpus' },
      },
      {
        series: { 'vimi_waiting_events{pipeline="corpus", partition="0"}': '2000-10x120' },
        minutes: 110,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiDeadLetters',
    severity: 'warning',
    expr: gained('vimi_rejects_total', 'pipeline, code', '10m'),
    for: '0m',
    summary: '{{ $labels.pipeline }} rejected events: {{ $labels.code }}',
    means: 'Events, or parts of them, are on the topic of rejects, each with its reason. None is lost.',
    remedy: [
      '`vimi rejects --code CODE` lists them; the [list of errors](errors.md) says what the code means.',
      'Mend the cause, then `vimi rejects replay`, or `vimi rejects dismiss` what nobody wants any more.',
    ],
    cases: [
      {
        series: { 'vimi_rejects_total{pipeline="generate", code="EVENT_MALFORMED", step="decode"}': '_x5 1x5' },
        minutes: 7,
        raises: { pipeline: 'generate', code: 'EVENT_MALFORMED' },
      },
      {
        series: { 'vimi_rejects_total{pipeline="corpus", code="MEDIA_DAMAGED", step="split"}': '1x40' },
        minutes: 35,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiStepSlow',
    severity: 'warning',
    expr: 'max by (pipeline, step) (vimi_step_oldest_seconds) > 900',
    for: '0m',
    summary: 'An event has been in {{ $labels.pipeline }}.{{ $labels.step }} for more than 15 minutes',
    means: 'One event takes very long, or its step hangs. Others may go on beside it, up to `max_in_flight`.',
    remedy: [
      'The log names the event. `vimi tap PIPELINE.STEP` shows what else passes through the step.',
      'Raise the bound of this alert where such steps are usual.',
    ],
    cases: [
      {
        series: { 'vimi_step_oldest_seconds{pipeline="generate", step="wait-for-ever"}': '18+64x30' },
        minutes: 14,
        raises: { pipeline: 'generate', step: 'wait-for-ever' },
      },
      {
        series: { 'vimi_step_oldest_seconds{pipeline="generate", step="wait-for-ever"}': '18+64x30' },
        minutes: 13,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiRebalancesOften',
    severity: 'warning',
    expr: 'sum by (group) (increase(vimi_rebalances_total[30m])) > 10',
    for: '0m',
    summary: 'The group {{ $labels.group }} keeps rebalancing',
    means: 'Processes come and go, or stall for longer than `session_timeout`. Each rebalance repeats work in flight.',
    remedy: ['Look for processes that restart.', 'Give them more processor time, or a longer `session_timeout`.'],
    cases: [
      {
        series: { 'vimi_rebalances_total{group="vimi-corpus"}': '0+1x40' },
        minutes: 35,
        raises: { group: 'vimi-corpus' },
      },
      { series: { 'vimi_rebalances_total{group="vimi-corpus"}': '3x40' }, minutes: 35, raises: null },
    ],
  },
  {
    name: 'VimiFencedOften',
    severity: 'warning',
    expr: 'sum by (pipeline) (increase(vimi_commits_total{outcome="fenced"}[30m])) > 3',
    for: '0m',
    summary: 'Processes of {{ $labels.pipeline }} stall and lose their partitions',
    means:
      'Commits came after another process had taken the partition. They had no effect, so nothing is doubled, but the work is done twice.',
    remedy: ['Give the processes more processor time, or a longer `session_timeout`.'],
    cases: [
      {
        series: { 'vimi_commits_total{pipeline="corpus", outcome="fenced"}': '0+1x40' },
        minutes: 35,
        raises: { pipeline: 'corpus' },
      },
      { series: { 'vimi_commits_total{pipeline="corpus", outcome="done"}': '0+1x40' }, minutes: 35, raises: null },
    ],
  },
  {
    name: 'VimiCommitsHeldBack',
    severity: 'warning',
    expr: 'sum by (pipeline) (increase(vimi_metadata_full_total[15m])) > 0',
    for: '15m',
    summary: 'One slow event of {{ $labels.pipeline }} holds back the outputs of many',
    means:
      'So many events are complete behind one that is not, that the committed offset cannot name them all. They wait for it.',
    remedy: [
      '`vimi top` names the step with the oldest event.',
      'A lower `max_in_flight`, or a `step_limit`, avoids it.',
    ],
    cases: [
      {
        series: { 'vimi_metadata_full_total{pipeline="corpus"}': '0+1x60' },
        minutes: 40,
        raises: { pipeline: 'corpus' },
      },
      { series: { 'vimi_metadata_full_total{pipeline="corpus"}': '5x60' }, minutes: 40, raises: null },
    ],
  },
  {
    name: 'VimiWebhooksFail',
    severity: 'warning',
    expr: gained('vimi_webhook_attempts_total{outcome=~"failed|disabled"}', 'outcome', '30m'),
    for: '0m',
    summary: 'Webhooks are given up: {{ $labels.outcome }}',
    means:
      'failed: a receiver did not take a webhook in ten attempts over three days. disabled: it answered 410, and gets nothing more from this caller.',
    remedy: [
      '`vimi webhooks list --state failed` (or `disabled`) says which, and why.',
      'Mend the receiver, then `vimi webhooks replay`: it gets them under the same ids.',
    ],
    cases: [
      {
        series: { 'vimi_webhook_attempts_total{outcome="failed"}': '_x5 1x5' },
        minutes: 7,
        raises: { outcome: 'failed' },
      },
      { series: { 'vimi_webhook_attempts_total{outcome="retried"}': '0+1x40' }, minutes: 35, raises: null },
    ],
  },
  {
    name: 'VimiCertificateEnds',
    severity: 'warning',
    expr: 'min by (instance) (vimi_https_certificate_expires_seconds - time()) < 14 * 86400',
    for: '0m',
    summary: 'The certificate of {{ $labels.instance }} expires within 14 days, or has expired',
    means: 'HTTPS is served with it. Clients refuse an expired certificate; pipelines go on.',
    remedy: ['Replace the files that `server.tls` of the profile names: the process reads them again by itself.'],
    cases: [
      {
        series: { 'vimi_https_certificate_expires_seconds{instance="a:9443"}': '1000000x5' },
        minutes: 3,
        raises: { instance: 'a:9443' },
      },
      {
        series: { 'vimi_https_certificate_expires_seconds{instance="a:9443"}': '2000000x5' },
        minutes: 3,
        raises: null,
      },
    ],
  },
  {
    name: 'VimiForeignMetadata',
    severity: 'warning',
    expr: gained('vimi_foreign_metadata_total', 'pipeline', '10m'),
    for: '0m',
    summary: 'Another client committed offsets in the group of {{ $labels.pipeline }}',
    means:
      'A committed offset carried metadata that is not of vimi. Events completed beyond the offset are done again.',
    remedy: ['Find the tool that resets offsets of this group. Stop the pipeline before offsets are set by hand.'],
    cases: [
      {
        series: { 'vimi_foreign_metadata_total{pipeline="corpus"}': '_x5 1x5' },
        minutes: 7,
        raises: { pipeline: 'corpus' },
      },
      { series: { 'vimi_foreign_metadata_total{pipeline="corpus"}': '1x40' }, minutes: 35, raises: null },
    ],
  },
  {
    name: 'VimiMixedVersions',
    severity: 'info',
    expr: 'count(count by (version) (vimi_build_info)) > 1',
    for: '1h',
    summary: 'Processes of several versions have run for an hour',
    means: 'An upgrade stopped half-way. Versions that follow each other work together, but not for good.',
    remedy: ['Finish the upgrade, or take it back.'],
    cases: [
      {
        series: {
          'vimi_build_info{version="0.1.0", instance="a:9400"}': '1x90',
          'vimi_build_info{version="0.2.0", instance="b:9400"}': '1x90',
        },
        minutes: 80,
        raises: {},
      },
      {
        series: {
          'vimi_build_info{version="0.1.0", instance="a:9400"}': '1x90',
          'vimi_build_info{version="0.1.0", instance="b:9400"}': '1x90',
        },
        minutes: 80,
        raises: null,
      },
    ],
  },
];
