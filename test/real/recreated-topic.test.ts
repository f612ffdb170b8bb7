import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import { decodePosition } from '../../src/streams/delivery/position.js';
import { gatedWork, jobOf, prepareJobTopics, request, serve, statesOf } from '../streams/delivery/job-fixtures.js';
import { eachMedia, productOf, quietLog, readAll, resourcesWith, spec } from '../streams/delivery/pipeline-fixtures.js';
import { foreignClient, kafkaTransport } from './kafka-broker.js';
import { wait } from './kafka-workers.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Deletes a topic, and creates it anew with records: offsets count from 0 again. */
async function makeAnew(transport: ReturnType<typeof kafkaTransport>, topic: string): Promise<void> {
  const client = foreignClient().admin();
  await client.connect();
  closing.push(() => client.disconnect());
  await client.deleteTopics({ topics: [topic] });
  await vi.waitFor(async () => expect(await client.listTopics()).not.toContain(topic), wait);
  await transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }]);
}

it('a request that waited in a topic which was made anew is no reason to drop it when it is sent again [kind 2 made anew]', async () => {
  const run = randomUUID().slice(0, 8);
  const names = { requests: `requests-${run}`, jobs: `jobs-${run}`, rejects: `rejects-${run}` };
  const transport = kafkaTransport();
  closing.push(() => transport.close());
  await prepareJobTopics(transport, names, 1);
  const work = gatedWork();
  const how = { names, spec: { group: `group-${run}` } };
  const ask = (id: string, prompt = id) => request(id, { topic: names.requests, prompt, partition: 0 });
  await transport.publish([ask('first'), ask('a', 'slow')]);
  const stop = new AbortController();
  const running = serve(transport, work, { ...how, signal: stop.signal, drainMs: 5 });
  await vi.waitFor(() => expect(work.started).toContain('a'), wait);
  stop.abort();
  await running;
  await makeAnew(transport, names.requests);
  await transport.publish([ask('a', 'slow'), ask('a', 'slow')]);
  const again = serve(transport, work, { ...how, drain: true });
  await vi.waitFor(() => expect(work.started.filter((id) => id === 'a')).toHaveLength(2), wait);
  work.release('a');
  expect((await again).run).toEqual({ delivered: 1, rejected: 0, dropped: { 'duplicate-request': 1 } });
  expect((await statesOf(transport, jobOf('a'), names)).at(-1)).toBe('completed');
});

async function threeDone() {
  const name = `anew-${randomUUID().slice(0, 8)}`;
  const [from, out, rejects] = [`${name}-in`, `${name}-out`, `${name}-rejects`];
  const transport = kafkaTransport();
  closing.push(() => transport.close());
  const topics = [from, out, rejects].map((topic) => ({ name: topic, partitions: 1, cleanup: 'delete' as const }));
  await transport.ensureTopics(topics);
  const publish = (...uris: string[]) =>
    transport.publish(
      uris.map((uri) => ({ topic: from, key: null, value: Buffer.from(JSON.stringify({ uri })), headers: {} })),
    );
  const stop = new AbortController();
  const pipeline = { name, group: name, from, rejects, to: [{ topic: out, schema: 'job.changed' as const }] };
  const run = (more: Partial<Parameters<typeof spec>[1]> = {}, drain = true) =>
    runPipeline(spec([eachMedia(({ uri }) => productOf(uri))], { ...pipeline, ...more }), {
      ...{ transport, resources: resourcesWith({}), signal: stop.signal, log: quietLog, drain },
    });
  await publish('1', '2', '3');
  return { transport, from, out, name, publish, run };
}

it('a topic that is made anew while it is read ends the run, and nothing in it is passed over [kind 5 made anew]', async () => {
  const { transport, from, out, publish, run } = await threeDone();
  const running = run({}, false);
  const ended = expect(running).rejects.toMatchObject({ code: 'POSITION_LOST' });
  await vi.waitFor(async () => expect(await readAll(transport, out)).toHaveLength(3), wait);
  await makeAnew(transport, from);
  await publish('n1', 'n2', 'n3', 'n4', 'n5');
  await ended;
  expect(await readAll(transport, out)).toHaveLength(3);
  await expect(run()).rejects.toMatchObject({ code: 'POSITION_LOST' });
  expect((await run({ onLostPosition: 'earliest' })).run.delivered).toBe(5);
});

it('an offset of the topic that had the name before is known for that, though the group has it still [kind 5 made anew]', async () => {
  const { transport, from, name, publish, run } = await threeDone();
  await run();
  const position = (await transport.positions(name, from)).get(0)!;
  expect(decodePosition(position).log).toMatch(/^[\w-]{22}$/);
  await makeAnew(transport, from);
  await publish('n1', 'n2', 'n3', 'n4', 'n5');
  // As an offset that is committed late, or mirrored from another cluster.
  const consumer = await transport.consume({
    ...{ group: name, topics: [from], drainMs: 1000, onError: () => {} },
    onAssigned: (assigned) => void assigned.commit([], position),
    onRevoked: async () => {},
  });
  await vi.waitFor(async () => expect((await transport.positions(name, from)).get(0)).toEqual(position), wait);
  await consumer.close();
  await expect(run()).rejects.toMatchObject({ code: 'POSITION_LOST', message: expect.stringContaining('anew') });
  expect((await run({ onLostPosition: 'earliest' })).run.delivered).toBe(5);
  expect((await run()).run).toEqual({ delivered: 0, rejected: 0, dropped: {} });
});

it('a partition that is added while the topic is read is read from its beginning [kind 5 partition added]', async () => {
  const { transport, from, out, run } = await threeDone();
  const stop = run({}, false);
  stop.catch(() => undefined);
  const client = foreignClient().admin();
  await client.connect();
  closing.push(() => client.disconnect());
  await client.createPartitions({ topicPartitions: [{ topic: from, count: 3 }] });
  // Whoever publishes learns of it first.
  await vi.waitFor(
    () =>
      transport.publish([
        { topic: from, partition: 2, key: null, value: Buffer.from('{"uri":"in the new one"}'), headers: {} },
      ]),
    wait,
  );
  await vi.waitFor(async () => expect(await readAll(transport, out)).toHaveLength(4), wait);
});
