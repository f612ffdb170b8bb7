import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { openS3Store, type S3Store } from '../../src/stores/objects/s3/open-s3.js';
import { createMetrics } from '../../src/streams/delivery/metrics.js';
import { openKafka } from '../../src/streams/transports/kafka/open-kafka.js';
import { tombstoneMs } from '../../src/streams/transports/transport.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { runVimi } from './run-vimi.js';

const root = join(import.meta.dirname, '../..');
const servers = inject('servers');
const name = `snapshots-${randomUUID().slice(0, 8)}`;
const stills = ['fox', 'mushroom', 'penguin'];
const machines: string[] = [];
let objects: S3Store;

/** A machine of its own: nothing is there but the topology and the media. */
function machine(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-machine-'));
  machines.push(folder);
  const topology = parse(clusterTopology(name, { partitions: 2 }));
  topology.profiles.cluster.search.snapshot_every = 20;
  writeFileSync(join(folder, 'topology.yaml'), stringify(topology));
  mkdirSync(join(folder, 'media'));
  for (const still of stills)
    for (const end of ['png', 'txt'])
      cpSync(join(root, `examples/media/images/${still}.${end}`), join(folder, `media/${still}.${end}`));
  return folder;
}

async function vimi(cwd: string, ...args: string[]) {
  const env = { ...process.env, ...servers, VIMI_PROFILE: 'cluster' };
  const { code, out, err } = await runVimi(args, { cwd, env });
  return { code, err, facts: out.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : [])) };
}

beforeAll(async () => {
  objects = await openS3Store({
    endpoint: servers.S3_ENDPOINT!,
    bucket: servers.S3_BUCKET!,
    accessKey: servers.S3_ACCESS_KEY!,
    secretKey: servers.S3_SECRET_KEY!,
    prefix: name,
  });
});
afterAll(async () => {
  for await (const key of objects.list('')) await objects.remove(key);
  await objects.close();
  for (const folder of machines) rmSync(folder, { recursive: true, force: true });
});

describe('snapshots of the index over Kafka and S3', { timeout: patience(300) }, () => {
  it('are stored by whoever runs, begun with by a new machine, and gone with a removal', async () => {
    const [one, two, three] = [machine(), machine(), machine()];
    expect((await vimi(one, 'ingest', 'media', '--source', 'zoo')).code).toBe(0);
    const stored = (await vimi(one, 'corpus', 'snapshot', '--list', '--json')).facts;
    expect(stored).toMatchObject([{ documents: stills.length }]);

    const found = await vimi(two, 'corpus', 'search', 'a fox', '--json', '--log-level', 'info');
    expect(found.err).toContain('The corpus index begins with a snapshot');
    expect(found.facts[0].context.map(({ caption }: { caption: string }) => caption)).toContain('a fox');

    expect((await vimi(two, 'corpus', 'remove', 'zoo', '--json')).facts).toContainEqual(
      expect.objectContaining({ place: 'snapshot', key: stored[0].snapshot, removed: true }),
    );
    expect((await vimi(two, 'corpus', 'snapshot', '--list', '--json')).facts).toMatchObject([{ documents: 0 }]);
    const gone = await vimi(three, 'corpus', 'search', 'a fox', '--json', '--log-level', 'info');
    expect(gone.err).toContain('The corpus index begins with a snapshot');
    expect(gone.facts[0].context).toEqual([]);
    expect(existsSync(join(three, '.vimi/cluster/index/corpus.sqlite'))).toBe(true);
  });

  it('may be so old as the topic keeps tombstones', async () => {
    const transport = openKafka({
      brokers: servers.KAFKA_BROKERS!.split(','),
      clientId: name,
      tls: false,
      log: quietLog,
      metrics: createMetrics().transport,
    });
    expect(await transport.tombstonesKept(`${name}-corpus`)).toBe(tombstoneMs);
    await transport.close();
  });
});
