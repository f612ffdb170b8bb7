/**
 * Events per second from Kafka through three operators to Kafka, exactly once, against a bare kafkajs loop that does the
 * same transactions on the same broker: it consumes the same records, does the same to them, and sends the same outputs
 * and positions in transactions of the same size, but has no envelope, no fates, no concurrency, no rejects, no schema.
 *
 *   npm run infra:up && npm run build && node --env-file=.cache/infra/env bench/kafka.mjs [events] [rounds] [bytes]
 */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../dist/operators/clock.js';
import { groupSize } from '../dist/streams/credit.js';
import { runPipeline } from '../dist/streams/pipeline.js';
import { openKafka } from '../dist/streams/transports/kafka.js';
import { operators, quiet } from './three-operators.mjs';

const [events = 20_000, rounds = 3, bytes = 1_000] = process.argv.slice(2).map(Number);
const brokers = (process.env.KAFKA_BROKERS ?? '').split(',').filter(Boolean);
if (brokers.length === 0) throw new Error('KAFKA_BROKERS names no broker: npm run infra:up');
const caption = 'x'.repeat(Math.max(1, bytes - 60));

/** A topic with all events, and one for the outputs. */
async function prepared() {
  const topic = `bench-${randomUUID().slice(0, 8)}`;
  const transport = openKafka({ brokers, clientId: 'bench' });
  await transport.ensureTopics([topic, `${topic}-out`].map((name) => ({ name, partitions: 1, cleanup: 'delete' })));
  for (let at = 0; at < events; at += 1000)
    await transport.publish(
      Array.from({ length: Math.min(1000, events - at) }, (_, n) => ({
        topic,
        key: Buffer.from(`k${at + n}`),
        value: Buffer.from(JSON.stringify({ uri: `media/clip-${at + n}.mp4`, caption })),
        headers: {},
      })),
    );
  return { topic, transport };
}

/** Starts a clock; what it returns gives events per second of the wall clock and of the processor, so far. */
function start() {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { wall: events / ((performance.now() - began) / 1000), cpu: events / ((user + system) / 1e6) };
  };
}

async function pipeline() {
  const { topic, transport } = await prepared();
  const stop = start();
  await runPipeline(
    {
      name: 'bench',
      group: `${topic}-group`,
      from: topic,
      schemas: ['media.added'],
      window: 1000,
      steps: operators.map((one) => ({ name: one.name, operator: one, config: {} })),
      to: [{ topic: `${topic}-out`, schema: 'job.changed' }],
      rejects: null,
    },
    {
      transport,
      resources: /** @type {import('../dist/operators/operator.js').Resources} */ (
        /** @type {unknown} */ ({ clock: systemClock, log: quiet })
      ),
      signal: new AbortController().signal,
      drain: true,
      log: quiet,
    },
  );
  const rate = stop();
  await transport.close();
  return rate;
}

/** The same outputs by hand, through kafkajs alone. */
async function bareLoop() {
  const { topic, transport } = await prepared();
  await transport.close();
  const kafka = new Kafka({ brokers, clientId: 'bare', logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
  const groupId = `${topic}-group`;
  const stop = start();
  const retry = { initialRetryTime: 5, retries: 100 };
  const producer = kafka.producer({ transactionalId: `${topic}-0`, maxInFlightRequests: 1, retry });
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 250 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    let left = events;
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        async eachBatch({ batch, resolveOffset, heartbeat }) {
          for (let at = 0; at < batch.messages.length; at += groupSize) {
            const group = batch.messages.slice(at, at + groupSize);
            const messages = group.map(({ key, value }) => {
              const media = JSON.parse(String(value));
              return {
                key,
                value: Buffer.from(JSON.stringify({ job: media.uri, state: 'completed' })),
                headers: {
                  ce_specversion: '1.0',
                  ce_id: media.uri,
                  ce_source: '/pipelines/bench',
                  ce_type: 'dev.vimi.job.changed.v1',
                  ce_time: new Date().toISOString(),
                  'content-type': 'application/json',
                },
              };
            });
            const last = group.at(-1)?.offset ?? '0';
            const partitions = [{ partition: 0, offset: String(BigInt(last) + 1n) }];
            const transaction = await producer.transaction();
            await transaction.send({ topic: `${topic}-out`, messages });
            await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic, partitions }] });
            await transaction.commit();
            resolveOffset(last);
            await heartbeat();
            left -= group.length;
          }
          if (left === 0) resolve(undefined);
        },
      })
      .catch(reject);
  });
  const rate = stop();
  await Promise.all([consumer.disconnect(), producer.disconnect()]);
  return rate;
}

const middle = (/** @type {number[]} */ numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
const rounded = (/** @type {number} */ rate) => Math.round(rate).toLocaleString('en').padStart(9);

const rates = { pipeline: [await pipeline()].slice(1), bare: [await bareLoop()].slice(1) };
for (let round = 0; round < rounds; round++) {
  rates.bare.push(await bareLoop());
  rates.pipeline.push(await pipeline());
}
console.log(
  `middle of ${rounds} rounds of ${events.toLocaleString('en')} events of ${bytes} bytes, after one to warm up`,
);
console.log('events a second   pipeline  bare loop  ratio');
for (const measure of /** @type {const} */ (['wall', 'cpu'])) {
  const through = middle(rates.pipeline.map((one) => one[measure]));
  const bare = middle(rates.bare.map((one) => one[measure]));
  const name = measure === 'wall' ? 'wall clock     ' : 'processor time ';
  console.log(`${name} ${rounded(through)}  ${rounded(bare)}   ${(through / bare).toFixed(2)}`);
}
