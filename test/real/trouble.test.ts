import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, inject, it, vi } from 'vitest';
import { reportLine } from '../../src/cli/commands/run.js';
import type { Resources } from '../../src/flow/operator.js';
import { openS3Store } from '../../src/stores/objects/s3/open-s3.js';
import { createMetrics } from '../../src/streams/delivery/metrics.js';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../src/streams/delivery/pipeline-spec.js';
import { eachMedia, productOf, quietLog, readAll, resourcesWith, spec } from '../streams/delivery/pipeline-fixtures.js';
import { patient } from '../support/patience.js';
import { foreignClient, kafkaTransport } from './kafka-broker.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A pipeline with topics of its own, that each hold one partition. */
async function pipelineOf(changes: Partial<PipelineSpec> = {}) {
  const name = `trouble-${randomUUID().slice(0, 8)}`;
  const [from, out, rejects] = [`${name}-in`, `${name}-out`, `${name}-rejects`];
  const transport = kafkaTransport();
  closing.push(() => transport.close());
  await transport.ensureTopics(
    [from, out, rejects].map((topic) => ({ name: topic, partitions: 1, cleanup: 'delete' })),
  );
  const made = spec([], { name, group: name, from, rejects, to: [{ topic: out, schema: 'job.changed' }], ...changes });
  const worked: string[] = [];
  const work = eachMedia(({ uri }) => {
    worked.push(uri);
    return productOf(uri);
  });
  return {
    ...{ from, out, rejects, group: name, transport, worked },
    publish: (uris: string[]) =>
      transport.publish(
        uris.map((uri) => ({ topic: from, key: null, value: Buffer.from(JSON.stringify({ uri })), headers: {} })),
      ),
    run: (more: Partial<PipelineSpec> = {}, given: Partial<Resources> = {}, metrics = createMetrics()) =>
      runPipeline(
        { ...made, steps: [{ name: 'work', operator: work, config: {} }], ...more },
        {
          ...{ transport, resources: resourcesWith(given), signal: new AbortController().signal },
          ...{ drain: true, log: quietLog, metrics },
        },
      ),
  };
}

async function admin(topic: string) {
  const client = foreignClient().admin();
  await client.connect();
  // It has to know of the topic before it removes anything from it.
  await client.fetchTopicOffsets(topic);
  closing.push(() => client.disconnect());
  return client;
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);
const patience = { ...patient, interval: 20 };

it('[streams F10] records that retention took are counted, and in the last line', async () => {
  const { from, publish, run } = await pipelineOf();
  await publish(['first']);
  await run();
  await publish(names(10));
  await (await admin(from)).deleteTopicRecords({ topic: from, partitions: [{ partition: 0, offset: '8' }] });
  const report = await run();
  expect(report.lost).toEqual({ retention: 7 });
  expect(reportLine(report)).toBe('delivered 3, rejected 0, dropped 0; lost 7 (retention 7)');
});

it('[kind 5] what retention took before a new group came is not its loss', async () => {
  const { from, publish, run } = await pipelineOf();
  await publish(names(10));
  await (await admin(from)).deleteTopicRecords({ topic: from, partitions: [{ partition: 0, offset: '7' }] });
  expect(await run()).toMatchObject({ lost: {}, run: { delivered: 3 } });
});

it('[streams F12] a group whose positions expired does nothing again until it is told to', async () => {
  const { from, group, publish, run, worked } = await pipelineOf();
  await publish(names(10));
  await run();
  // What the broker does to a group that was away for a week.
  await (await admin(from)).deleteGroups([group]);
  await expect(run()).rejects.toMatchObject({ code: 'POSITION_LOST' });
  expect(worked).toHaveLength(10);
  expect((await run({ onLostPosition: 'latest' })).run.delivered).toBe(0);
  await publish(['later']);
  expect((await run({ onLostPosition: 'latest' })).run.delivered).toBe(1);
  expect((await run()).run.delivered).toBe(0);
});

it.each([
  ['streams F14', 403, 'ExpiredToken', 'STORAGE_DENIED'],
  ['streams S3-503', 503, 'ServiceUnavailable', 'STORAGE_UNAVAILABLE'],
])(
  '[%s] an object store that answers %s %s is waited for, and nothing is done twice',
  async (_, status, answer, code) => {
    const servers = inject('servers');
    const target = new URL(servers.S3_ENDPOINT!);
    let broken = false;
    const proxy = http.createServer((request, response) => {
      if (broken) {
        request.resume();
        response.writeHead(status, { 'content-type': 'application/xml' });
        response.end(`<?xml version="1.0"?><Error><Code>${answer}</Code><Message>no</Message></Error>`);
        return;
      }
      const { method, url, headers } = request;
      const onward = http.request(
        { host: target.hostname, port: target.port, method, path: url, headers },
        (answered) => {
          response.writeHead(answered.statusCode!, answered.headers);
          answered.pipe(response);
        },
      );
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    closing.push(async () => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const objects = await openS3Store({
      endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      bucket: servers.S3_BUCKET!,
      accessKey: servers.S3_ACCESS_KEY,
      secretKey: servers.S3_SECRET_KEY,
      patienceMs: 500,
    });
    closing.push(() => objects.close());
    const pipeline = await pipelineOf();
    const to: PipelineSpec['to'] = [
      { objects: `${pipeline.group}/{job}.bin` },
      { topic: pipeline.out, schema: 'job.changed' },
    ];
    await pipeline.publish(names(40));
    broken = true;
    const metrics = createMetrics();
    const running = pipeline.run({ to, maxInFlight: 16 }, { objects }, metrics);
    await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain(code), patience);
    expect(pipeline.worked.length).toBeLessThanOrEqual(16);
    broken = false;
    expect((await running).run).toEqual({ delivered: 40, rejected: 0, dropped: {} });
    expect(pipeline.worked.sort()).toEqual(names(40).sort());
    expect(await readAll(pipeline.transport, pipeline.rejects)).toEqual([]);
  },
);
