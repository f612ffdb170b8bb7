import { Counter, Gauge, type Registry } from 'prom-client';

export type TransportMetrics = ReturnType<typeof createTransportMetrics>;

/** What a transport that has brokers and shares a group with others tells of both. */
export function createTransportMetrics(registry?: Registry) {
  const registers = registry ? [registry] : [];
  const group = ['group'] as const;
  return {
    rebalances: new Counter({
      name: 'vimi_rebalances_total',
      help: 'Times that a group of which this process is a member shared its partitions out.',
      labelNames: group,
      registers,
    }),
    inDoubt: new Counter({
      name: 'vimi_transactions_in_doubt_total',
      help: 'Transactions that failed while they were ended. outcome: what was found out about them: committed, aborted (made again), fenced (another owner went on).',
      labelNames: ['group', 'outcome'] as const,
      registers,
    }),
    retries: new Counter({
      name: 'vimi_transport_retries_total',
      help: 'Requests to brokers that failed and were tried again. A few come with every change of leaders.',
      registers,
    }),
    outages: new Counter({
      name: 'vimi_transport_outages_total',
      help: 'Times that reading, publishing or the membership of a group failed more than once in a row.',
      registers,
    }),
    waiting: new Gauge({
      name: 'vimi_transport_waiting',
      help: 'How many of them are waiting for a broker now.',
      registers,
    }),
  };
}
