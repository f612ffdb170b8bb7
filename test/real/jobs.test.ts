import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordId } from '../../src/events/replay.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import {
  bare,
  cancel,
  gatedWork,
  type JobTopics,
  jobOf,
  openTestJobs,
  prepareJobTopics,
  request,
  serve,
  statesOf,
} from '../streams/delivery/job-fixtures.js';
import { readAll } from '../streams/delivery/pipeline-fixtures.js';
import { patience } from '../support/patience.js';
import { kafkaTransport } from './kafka-broker.js';
import { wait } from './kafka-workers.js';

/*
 * Two processes of one group, each with a connection and a memory of its own, so that they know of each other by Kafka
 * alone. Partitions are given by hand, as clients with other partitioners would choose them.
 */

interface TestWorker {
  work: ReturnType<typeof gatedWork>;
  transport: Transport;
  stop: AbortController;
  running: ReturnType<typeof serve>;
}

let names: JobTopics;
let group: string;
let transport: Transport;
const workers: TestWorker[] = [];

beforeEach(async () => {
  const run = randomUUID().slice(0, 8);
  names = { requests: `requests-${run}`, jobs: `jobs-${run}`, rejects: `rejects-${run}` };
  group = `group-${run}`;
  transport = kafkaTransport();
  await prepareJobTopics(transport, names, 2);
});
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.stop.abort();
    await worker.running.catch(() => undefined);
    await worker.transport.close();
  }
  await transport.close();
});

function startWorker(): TestWorker {
  const [work, own, stop] = [gatedWork(), kafkaTransport(), new AbortController()];
  const running = serve(own, work, { names, spec: { group }, signal: stop.signal, drainMs: 1_000 });
  const worker = { work, transport: own, stop, running };
  workers.push(worker);
  return worker;
}

const ask = (id: string, partition: number, prompt = id) => request(id, { topic: names.requests, partition, prompt });
const stopping = (id: string, partition: number) => cancel(id, { topic: names.requests, partition });
const started = () => workers.flatMap(({ work }) => work.started);
const states = (id: string) => statesOf(transport, jobOf(id), names);
const last = (id: string, state: string) => vi.waitFor(async () => expect((await states(id)).at(-1)).toBe(state), wait);
const settled = (...offsets: number[]) =>
  vi.waitFor(async () => {
    const positions = await transport.positions(group, names.requests);
    expect(offsets.map((_, partition) => positions.get(partition)?.offset ?? 0)).toEqual(offsets);
  }, wait);

/** A job in each partition, held until the end: so each of two workers has one. */
async function twoWorkers(): Promise<void> {
  await transport.publish([ask('hold 0', 0, 'slow'), ask('hold 1', 1, 'slow')]);
  startWorker();
  startWorker();
  await vi.waitFor(() => {
    for (const { work } of workers) expect(work.started).toHaveLength(1);
  }, wait);
}

// Tried again: the group may give both partitions to the first worker before the second has joined, and then it begins both.
describe('jobs over Kafka', { timeout: patience(300), retry: 2 }, () => {
  it('are one though both copies are taken by two processes at the same moment [streams F7] [use U5]', async () => {
    await twoWorkers();
    const ids = Array.from({ length: 20 }, (_, n) => `twin ${n}`);
    await transport.publish(ids.flatMap((id) => [ask(id, 0), ask(id, 1)]));
    for (const id of ids) await last(id, 'completed');
    for (const { work } of workers) for (const id of ['hold 0', 'hold 1']) work.release(id);
    await settled(21, 21);
    for (const id of ids) {
      expect(started().filter((one) => one === id)).toHaveLength(1);
      expect((await states(id)).filter((state) => state === 'completed').length).toBeGreaterThan(0);
    }
    for (const { stop } of workers) stop.abort();
    const reports = await Promise.all(workers.map(({ running }) => running));
    const dropped = reports.reduce((sum, { run }) => sum + (run.dropped['duplicate-request'] ?? 0), 0);
    expect(dropped).toBe(20);
    expect(reports.reduce((sum, { run }) => sum + run.delivered, 0)).toBe(22);
  });

  it('are cancelled from the other partition, in the other process [streams F4]', async () => {
    await twoWorkers();
    await transport.publish([stopping('hold 0', 1), stopping('hold 1', 0)]);
    await last('hold 0', 'cancelled');
    await last('hold 1', 'cancelled');
    await settled(2, 2);
    for (const id of ['hold 0', 'hold 1']) expect(await states(id)).toEqual(['queued', 'cancelled']);
  });

  it('are cancelled before they come, whoever then has them [kind 2]', async () => {
    await twoWorkers();
    await transport.publish([stopping('later', 0)]);
    await last('later', 'cancelled');
    await transport.publish([ask('later', 1, 'slow'), ask('next', 1)]);
    await last('next', 'completed');
    expect(started()).not.toContain('later');
    expect(await states('later')).toEqual(['cancelled']);
  });

  it('go on as the same in another process when theirs dies, and are told of once [kind 2]', async () => {
    await transport.publish([ask('a', 0, 'slow'), bare({ prompt: 'slow' }, 1, names.requests)]);
    const first = startWorker();
    await vi.waitFor(() => expect(first.work.started).toHaveLength(2), wait);
    first.stop.abort();
    await first.running;
    const second = startWorker();
    await vi.waitFor(() => expect(second.work.started).toHaveLength(2), wait);
    await transport.publish([ask('a', 1, 'slow')]);
    for (const id of [...second.work.waiting.keys()]) second.work.release(id);
    await settled(1, 2);
    expect(await states('a')).toEqual(['queued', 'completed']);
    expect(second.work.started).toHaveLength(2);
  });

  it('have one owner, whatever the two say at once [kind 2]', async () => {
    const [one, two] = [openTestJobs(transport, names, group), openTestJobs(transport, names, group)];
    await transport.publish(Array.from({ length: 50 }, (_, n) => [ask(`${n}`, 0), ask(`${n}`, 1)]).flat());
    const records = (await readAll(transport, names.requests)).sort((a, b) => a.offset - b.offset);
    // Each claim is of an event, which has a signal of its own.
    const own = () => ({ signal: new AbortController().signal });
    try {
      const claims = await Promise.all(
        Array.from({ length: 50 }, (_, n) => {
          const tried = (record: string) => ({
            job: `job-${n}`,
            request: { source: '/a', id: `${n}`, record, payload: 'a'.repeat(64) },
          });
          // Both have yet to be settled by the group.
          const [left, right] = records.filter(({ offset }) => offset === n).map((one) => tried(recordId(one)));
          return Promise.all([one.claim(left!, own()), two.claim(right!, own())]);
        }),
      );
      for (const pair of claims) expect([...pair].sort()).toEqual(['duplicate', 'mine']);
    } finally {
      await one.close();
      await two.close();
    }
  });
});
