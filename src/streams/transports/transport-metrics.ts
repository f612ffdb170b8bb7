import { Counter, Gauge, type Registry } from 'prom-client';
import type { VimiError } from '../../core/errors.js';

export type TransportMetrics = ReturnType<typeof createTransportMetrics>;

/** What a transport that has brokers and shares a group with others tells of both. */
export function createTransportMetrics(registry?: Registry) {
  const registers = registry ? [registry] : [];
  const group = ['group'] as const;
  const waiting = new Map<object, VimiError>();
  return {
    /** What waits for a broker now, with why it failed last. */
    waiting,
    rebalances: new Counter({
      name: 'vimi_rebalances_total',
      help: 'Rebalances of the group of this process.',
      labelNames: group,
      registers,
    }),
    inDoubt: new Counter({
      name: 'vimi_transactions_in_doubt_total',
      help: 'Transactions whose end failed. outcome, as found out afterwards: committed, aborted (repeated), fenced (another owner continued).',
      labelNames: ['group', 'outcome'] as const,
      registers,
    }),
    retries: new Counter({
      name: 'vimi_transport_retries_total',
      help: 'Requests to brokers that failed and were retried. A few come with every change of leaders.',
      registers,
    }),
    outages: new Counter({
      name: 'vimi_transport_outages_total',
      help: 'Times that reading, publishing or the membership of a group failed more than once in a row.',
      registers,
    }),
    waitingGauge: new Gauge({
      name: 'vimi_transport_waiting',
      help: 'Activities (reading, publishing, membership) that wait for a broker now.',
      registers,
      collect() {
        this.set(waiting.size);
      },
    }),
  };
}
