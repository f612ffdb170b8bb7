/**
 * From Kafka through three operators to Kafka, exactly once, against a bare kafkajs loop that does the same transactions on
 * the same broker: it consumes the same records, checks them by the same schema, and sends the same outputs and positions
 * in one transaction a fetched batch, but has no envelope, no outcomes, no concurrency, no rejects. The same loop without
 * transactions shows what exactly-once costs.
 *
 * Throughput: each side's processes join the group of an empty topic; then the events are written in one transaction, and
 * the clock starts when that commits, so all of them appear at once; it ends with the last commit of a side. Processor time
 * is that of the side's processes over the same stretch. Latency: one process, events published one by one at a steady
 * rate, each timed from the call of publish to the moment when a read_committed reader has its output.
 *
 *   npm run infra:up && npm run build && node --env-file=.cache/infra/env bench/kafka.mjs [--short] [--rounds 5]
 *     [--processes 1,3] [--bytes 1000,100000] [--sides pipeline,bare,bare-at-least-once]
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { openKafka } from '../dist/streams/transports/kafka/open-kafka.js';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    processes: { type: 'string', default: '1,3' },
    bytes: { type: 'string', default: '1000,100000' },
    sides: { type: 'string', default: 'pipeline,bare,bare-at-least-once' },
  },
});
const rounds = Number(values.rounds ?? (values.short ? 3 : 5));
const scale = values.short ? 0.25 : 1;
const sides = values.sides.split(',');
const brokers = (process.env.KAFKA_BROKERS ?? '').split(',').filter(Boolean);
if (brokers.length === 0) throw new Error('KAFKA_BROKERS names no broker: npm run infra:up');

/** What is offered: so many events at once, and so many a second. */
const loads = new Map(
  values.bytes
    .split(',')
    .map((bytes) => [
      Number(bytes),
      Number(bytes) > 10_000
        ? { events: 1_000 * scale, warmUp: 250, perSecond: 20, seconds: 15 * scale }
        : { events: 24_000 * scale, warmUp: 24_000, perSecond: 200, seconds: 15 * scale },
    ]),
);

const kafka = new Kafka({ brokers, clientId: 'bench', logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
const admin = kafka.admin();
const transport = openKafka({ brokers, clientId: 'bench' });
await admin.connect();

const eventOf = (n, bytes) => {
  const event = { uri: `media/clip-${n}.mp4`, caption: 'a fox runs over a field', notes: '' };
  event.notes = 'and on '.repeat(bytes / 7).slice(JSON.stringify(event).length);
  return { key: Buffer.from(`k${n}`), value: Buffer.from(JSON.stringify(event)) };
};

/** Processes of one side, which live as long as the bench: what they compiled stays compiled. */
class Workers {
  constructor(side, count) {
    this.children = Array.from({ length: count }, () =>
      fork(new URL('./kafka-worker.mjs', import.meta.url), [side], { stdio: 'inherit' }),
    );
    for (const child of this.children)
      child.on('message', (/** @type {object} */ said) => {
        this.said.set(child, { ...this.said.get(child), ...said });
        this.onSaid?.(child);
      });
  }

  async until(isSo) {
    while (!isSo(this.children.map((child) => this.said.get(child) ?? {})))
      await new Promise((resolve) => {
        this.onSaid = resolve;
      });
  }

  tell(message) {
    for (const child of this.children) child.send(message);
  }

  /** All of them are members of the group, and each has its share. */
  async join(topic) {
    this.said = new Map();
    this.tell({ consume: { topic } });
    for (;;) {
      const { groups } = await admin.describeGroups([`${topic}-group`]);
      if (groups[0].state === 'Stable' && groups[0].members.length === this.children.length) break;
      await sleep(50);
    }
    // Long enough for a member to learn of its share and to fence whoever had it before.
    await sleep(500);
    this.tell({ go: true });
    await this.until((all) => all.every(({ gone }) => gone));
  }

  async finish(topic) {
    this.tell({ end: true });
    await this.until((all) => all.every(({ ended }) => ended));
    await admin.deleteTopics({ topics: [topic, `${topic}-out`] });
  }

  end() {
    for (const child of this.children) child.kill();
  }
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

async function freshTopic(partitions) {
  const topic = `bench-${randomUUID().slice(0, 8)}`;
  await transport.ensureTopics([topic, `${topic}-out`].map((name) => ({ name, partitions, cleanup: 'delete' })));
  return topic;
}

/** Events a second of the wall clock, and of processor time. */
async function throughput(workers, bytes, events) {
  const topic = await freshTopic(workers.children.length);
  await workers.join(topic);
  // On a busy machine it takes more than the usual minute to write all of them.
  const transactionTimeout = 600_000;
  const writer = kafka.producer({ transactionalId: `${topic}-writer`, maxInFlightRequests: 1, transactionTimeout });
  await writer.connect();
  const transaction = await writer.transaction();
  const batch = Math.max(1, Math.min(500, Math.floor(500_000 / bytes)));
  for (let at = 0; at < events; at += batch) {
    const messages = Array.from({ length: Math.min(batch, events - at) }, (_, n) => eventOf(at + n, bytes));
    await transaction.send({ topic, messages });
  }
  workers.tell({ go: true });
  const began = performance.now();
  await transaction.commit();
  await workers.until((all) => sum(all.map(({ committed = 0 }) => committed)) >= events);
  const seconds = (performance.now() - began) / 1000;
  const cpu = sum([...workers.said.values()].map((one) => one.cpu ?? 0));
  await writer.disconnect();
  await workers.finish(topic);
  const commits = sum([...workers.said.values()].map((one) => one.commits ?? 0));
  return { wall: events / seconds, cpu: events / cpu, group: events / commits };
}

/** Milliseconds of each event from the call of publish to its output. */
async function latencies(workers, bytes, { perSecond, seconds }) {
  const topic = await freshTopic(workers.children.length);
  await workers.join(topic);
  const count = Math.round(perSecond * seconds);
  const sent = [];
  const took = [];
  const failures = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const { key } of transport.read(`${topic}-out`, { follow: true, signal: stop.signal })) {
      took.push(performance.now() - sent[Number(key.toString().slice(1))]);
      if (took.length === count) return;
    }
  })();
  await sleep(500);
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const due = began + (n / perSecond) * 1000 - performance.now();
    if (due > 0) await sleep(due);
    sent[n] = performance.now();
    transport.publish([{ topic, headers: {}, ...eventOf(n, bytes) }]).catch((error) => failures.push(error));
  }
  await reading;
  if (failures.length > 0) throw failures[0];
  await workers.finish(topic);
  // The first of them meet connections that are just being made.
  return took.slice(Math.round(count / 10));
}

const quantile = (numbers, q) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) * q)];
const rounded = (rate) => Math.round(rate).toLocaleString('en').padStart(8);
const ratio = (some, others) =>
  quantile(
    some.map((one, n) => one / others[n]),
    0.5,
  ).toFixed(2);

for (const processes of values.processes.split(',').map(Number)) {
  const workers = new Map(sides.map((side) => [side, new Workers(side, processes)]));
  for (const [bytes, load] of loads) {
    const events = load.events * (processes > 1 ? 2 : 1);
    const rates = new Map(sides.map((side) => [side, []]));
    for (let round = -1; round < rounds; round++)
      // In turn, and each in every place: what else the machine does meets all of them.
      for (let n = 0; n < sides.length; n++) {
        const side = sides[(n + Math.max(round, 0)) % sides.length];
        const rate = await throughput(workers.get(side), bytes, round < 0 ? load.warmUp * processes : events);
        if (round >= 0) rates.get(side).push(rate);
      }
    console.log(
      `\n${processes} process${processes > 1 ? 'es' : ''}, ${events.toLocaleString('en')} events of ${bytes.toLocaleString('en')} bytes: middle of ${rounds} rounds after one to warm up`,
    );
    console.log('events a second      wall clock  processor time   ratio to bare: wall  processor   events a commit');
    for (const [side, all] of rates) {
      const [wall, cpu, group] = ['wall', 'cpu', 'group'].map((measure) => all.map((one) => one[measure]));
      const bare = rates.get('bare');
      const [byWall, byCpu] = bare
        ? [
            ratio(
              wall,
              bare.map((one) => one.wall),
            ),
            ratio(
              cpu,
              bare.map((one) => one.cpu),
            ),
          ]
        : ['', ''];
      console.log(
        `${side.padEnd(20)} ${rounded(quantile(wall, 0.5))}        ${rounded(quantile(cpu, 0.5))}                  ${byWall}       ${byCpu}          ${rounded(quantile(group, 0.5))}`,
      );
    }
    if (processes > 1) continue;
    console.log(`milliseconds from publish to output, at ${load.perSecond} events a second        p50     p99`);
    for (const [side, its] of workers) {
      const took = await latencies(its, bytes, load);
      const [p50, p99] = [0.5, 0.99].map((q) => quantile(took, q).toFixed(0).padStart(7));
      console.log(`${side.padEnd(66)} ${p50} ${p99}`);
    }
  }
  for (const its of workers.values()) its.end();
}
await transport.close();
await admin.disconnect();
