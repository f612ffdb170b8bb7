import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { openS3Store } from '../../src/stores/objects/s3/open-s3.js';
import { createMetrics } from '../../src/streams/delivery/metrics.js';
import { openKafka } from '../../src/streams/transports/kafka/open-kafka.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { runVimi } from './run-vimi.js';

const root = join(import.meta.dirname, '../..');
const servers = inject('servers');
const name = `dry-${randomUUID().slice(0, 8)}`;
const folder = mkdtempSync(join(tmpdir(), 'vimi-dry-real-'));
const transport = openKafka({
  brokers: servers.KAFKA_BROKERS!.split(','),
  clientId: name,
  tls: false,
  log: quietLog,
  metrics: createMetrics().transport,
});
const objects = await openS3Store({
  endpoint: servers.S3_ENDPOINT!,
  bucket: servers.S3_BUCKET!,
  accessKey: servers.S3_ACCESS_KEY!,
  secretKey: servers.S3_SECRET_KEY!,
  prefix: name,
});
afterAll(async () => {
  for await (const key of objects.list('')) await objects.remove(key);
  await objects.close();
  await transport.close();
  rmSync(folder, { recursive: true, force: true });
});

const vimi = (...args: string[]) =>
  runVimi(args, { cwd: folder, env: { ...process.env, ...servers, VIMI_PROFILE: 'cluster' } });

/** Ends and the group's offsets of each topic, and the keys of the bucket. */
async function everything(topics: string[], group: string) {
  const keys: string[] = [];
  for await (const key of objects.list('')) keys.push(key);
  const ends = await Promise.all(topics.map((topic) => transport.ends(topic)));
  const positions = await Promise.all(topics.map((topic) => transport.positions(group, topic)));
  return { keys, ends, positions };
}

describe('a dry run over Kafka and S3', { timeout: patience(300) }, () => {
  it('moves no offset of the group, and publishes and stores nothing', async () => {
    const text = clusterTopology(name, { partitions: 2 });
    writeFileSync(join(folder, 'topology.yaml'), text);
    for (const end of ['png', 'txt'])
      cpSync(join(root, `examples/media/images/fox.${end}`), join(folder, `fox.${end}`));
    const { out } = await vimi('render', '--format', 'json');
    const { topics, pipelines } = JSON.parse(out) as { topics: object; pipelines: Record<string, { group: string }> };
    const { group } = pipelines.corpus!;

    expect((await vimi('ingest', 'fox.png', '--publish-only')).code).toBe(0);
    const before = await everything(Object.keys(topics), group);
    const dry = await vimi('dry-run', 'corpus', '--json');
    expect({ code: dry.code, err: dry.err }).toEqual({ code: 0, err: '' });
    const lines = dry.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1).report.run).toMatchObject({ delivered: 1, rejected: 0 });
    expect(lines.some(({ object }) => object?.key.startsWith('images/'))).toBe(true);
    expect(lines.some(({ event }) => event?.topic === `${name}-corpus`)).toBe(true);
    expect(await everything(Object.keys(topics), group)).toEqual(before);

    // After a real run there is nothing left of it to try.
    expect((await vimi('run', '--pipeline', 'corpus', '--drain')).code).toBe(0);
    const after = await everything(Object.keys(topics), group);
    expect(after).not.toEqual(before);
    const again = await vimi('dry-run', 'corpus', '--json');
    expect(JSON.parse(again.out.trim().split('\n').at(-1)!).report.run.delivered).toBe(0);
    expect(await everything(Object.keys(topics), group)).toEqual(after);
  });
});
