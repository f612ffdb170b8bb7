/**
 * One process of one side of bench/kafka.mjs, which forks it and says what to consume:
 *
 *   pipeline             runPipeline with three operators
 *   bare                 a loop of kafkajs's own that does the same transactions
 *   bare-at-least-once   the same loop without transactions: outputs first, then the offsets
 */
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../dist/core/clock.js';
import { schemas } from '../dist/events/schemas.js';
import { createMetrics } from '../dist/streams/delivery/metrics.js';
import { runPipeline } from '../dist/streams/delivery/pipeline.js';
import { openKafka } from '../dist/streams/transports/kafka/open-kafka.js';
import { operators, outputOf, quiet } from './three-operators.mjs';

const brokers = (process.env.KAFKA_BROKERS ?? '').split(',');

/** Runs until `signal` aborts, and tells of each commit how many events it held. */
async function pipeline({ topic }, onCommitted, signal) {
  const transport = openKafka({ brokers, clientId: 'bench' });
  const metrics = createMetrics();
  await runPipeline(
    {
      name: 'bench',
      group: `${topic}-group`,
      from: topic,
      schemas: ['media.added'],
      maxInFlight: 1000,
      steps: operators.map((one) => ({ name: one.name, operator: one, config: {} })),
      to: [{ topic: `${topic}-out`, schema: 'job.changed' }],
      rejects: null,
    },
    {
      transport,
      resources: /** @type {import('../dist/flow/operator.js').Resources} */ (
        /** @type {unknown} */ ({ clock: systemClock, log: quiet })
      ),
      metrics: {
        ...metrics,
        countOutcomes(name, counts) {
          metrics.countOutcomes(name, counts);
          onCommitted(counts.delivered);
        },
      },
      signal,
      log: quiet,
    },
  );
  await transport.close();
}

/** The same outputs by hand, through kafkajs alone. */
async function bareLoop({ topic, checked, exactlyOnce }, onCommitted, signal) {
  const kafka = new Kafka({ brokers, clientId: 'bare', logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
  const groupId = `${topic}-group`;
  const retry = { initialRetryTime: 5, retries: 100 };
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250 });
  /** One a partition: that is what fences it. */
  const producers = new Map();
  const producerOf = async (partition) => {
    const known = producers.get(partition);
    if (known) return known;
    const transactionalId = exactlyOnce ? `${groupId}-${partition}` : undefined;
    const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1, retry });
    await producer.connect();
    producers.set(partition, producer);
    return producer;
  };
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    async eachBatch({ batch, resolveOffset, heartbeat }) {
      const { partition } = batch;
      const producer = await producerOf(partition);
      const messages = batch.messages.map(({ key, value }) => ({ key, ...outputOf(uriOf(value, checked)) }));
      const partitions = [{ partition, offset: String(BigInt(batch.lastOffset()) + 1n) }];
      if (exactlyOnce) {
        const transaction = await producer.transaction();
        await transaction.send({ topic: `${topic}-out`, messages });
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] });
        await transaction.commit();
      } else {
        await producer.send({ topic: `${topic}-out`, messages });
        await consumer.commitOffsets(partitions.map((one) => ({ topic, ...one })));
      }
      resolveOffset(batch.lastOffset());
      onCommitted(messages.length);
      await heartbeat();
    },
  });
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await Promise.all([consumer.disconnect(), ...[...producers.values()].map((producer) => producer.disconnect())]);
}

function uriOf(value, checked) {
  const media = JSON.parse(value.toString());
  return (checked ? schemas['media.added'].parse(media) : media).uri;
}

const sides = {
  pipeline,
  bare: (work, ...rest) => bareLoop({ ...work, checked: true, exactlyOnce: true }, ...rest),
  'bare-unchecked': (work, ...rest) => bareLoop({ ...work, checked: false, exactlyOnce: true }, ...rest),
  'bare-at-least-once': (work, ...rest) => bareLoop({ ...work, checked: true, exactlyOnce: false }, ...rest),
};
const side = sides[process.argv[2]];
let stop = new AbortController();
let since = process.cpuUsage();
let committed = 0;
let commits = 0;

const tell = (events) => {
  committed += events;
  commits++;
  const { user, system } = process.cpuUsage(since);
  process.send({ committed, commits, cpu: (user + system) / 1e6 });
};

process.on('message', async ({ consume, go, end }) => {
  if (consume) {
    stop = new AbortController();
    committed = 0;
    commits = 0;
    await side(consume, tell, stop.signal);
    process.send({ ended: true });
  }
  if (go) {
    since = process.cpuUsage();
    process.send({ gone: true });
  }
  if (end) stop.abort();
});

// The bench itself broke: nobody asks for anything any more.
process.on('disconnect', () => process.exit(1));
