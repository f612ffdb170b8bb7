import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { openS3Store, type S3Store } from '../../src/stores/objects/s3/open-s3.js';
import { type Ended, runVimi } from './run-vimi.js';

const root = join(import.meta.dirname, '../..');
const servers = inject('servers');
const name = `cluster-${randomUUID().slice(0, 8)}`;
let folder: string;
let objects: S3Store;

function vimi(args: string[], input = '', { node = [] as string[], env: more = {} } = {}): Promise<Ended> {
  const env = { ...process.env, ...servers, VIMI_PROFILE: 'cluster', ...more };
  return runVimi(args, { cwd: folder, env, input, node });
}

async function done(args: string[], input = ''): Promise<string> {
  const { code, out, err } = await vimi(args, input);
  expect(code, err).toBe(0);
  return out;
}

const events = async (topic: string) =>
  (await done(['read', `${name}-${topic}`, '--json']))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const jsonLines = (things: unknown[]) => things.map((thing) => `${JSON.stringify(thing)}\n`).join('');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-cluster-'));
  writeFileSync(join(folder, 'topology.yaml'), clusterTopology(name));
  mkdirSync(join(folder, 'media'));
  const media = join(root, 'examples/media');
  for (const still of ['fox', 'mushroom', 'penguin', 'rocket'])
    for (const end of ['png', 'txt'])
      cpSync(join(media, `images/${still}.${end}`), join(folder, `media/${still}.${end}`));
  for (const clip of readdirSync(join(media, 'clips')).sort().slice(0, 4))
    cpSync(join(media, 'clips', clip), join(folder, 'media', clip));
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
  rmSync(folder, { recursive: true, force: true });
});

describe('the cluster profile', () => {
  it('makes the topics of the topology, once', async () => {
    const before = await vimi(['topics', 'diff']);
    expect(before.code).toBe(1);
    expect(before.out).toContain(`+ ${name}-requests: missing (partitions 12; cleanup delete; retention forever)`);
    expect(await done(['topics', 'apply'])).toContain(`+ ${name}-corpus: created (partitions 4; cleanup compact)`);
    expect(await done(['topics', 'diff'])).toMatch(/^(= [\w-]+: same\n){13}$/);
  });

  it('says what differs, and neither shrinks nor changes it', async () => {
    writeFileSync(join(folder, 'other.yaml'), clusterTopology(name).replace(/"partitions": 12/, '"partitions": 3'));
    for (const action of ['apply', 'diff']) {
      const { code, out } = await vimi(['-t', 'other.yaml', 'topics', action]);
      expect(code).toBe(1);
      expect(out).toContain(`~ ${name}-requests: differs (partitions 3, found 12)`);
    }
    expect((await vimi(['topics', 'diff'])).code).toBe(0);
  });

  it('turns media into a corpus and shards, and requests into videos, with two processes at work', async () => {
    expect((await done(['ingest', 'media', '--licence', 'CC0-1.0'])).length).toBeGreaterThan(0);
    const requests = Array.from({ length: 24 }, (_, n) => ({ prompt: `a fox moves left ${n}`, frames: 4 }));
    await done(
      ['publish', '--raw', `${name}-requests`],
      `${jsonLines(requests)}{"prompt": \n${jsonLines([{ prompt: '' }])}`,
    );
    const drain = ['run', '--pipeline', 'generate', '--drain', '--json'];
    const reports = (await Promise.all([done(drain), done(drain)])).map((text) => JSON.parse(text));
    expect(reports.map(({ end }) => end)).toEqual(['drained', 'drained']);

    const videos = await events('videos');
    expect(videos.map(({ data }) => data.job).sort()).toEqual([...new Set(videos.map(({ data }) => data.job))].sort());
    expect(videos).toHaveLength(24);
    expect(await events('rejects')).toHaveLength(2);
    const named = [...videos, ...(await events('samples'))].map(({ data }) => data.object);
    expect(named.length).toBeGreaterThan(24);
    for (const { key, size, sha256, media_type } of named) {
      expect(await objects.stat(key)).toEqual({ key, size, sha256, media_type });
      expect(await objects.get(key, { sha256 })).toHaveLength(size);
    }
    const corpus = await events('corpus');
    expect(corpus.map(({ data }) => data.caption)).toEqual(expect.arrayContaining(['a fox', 'a penguin']));
    expect(videos.every(({ data }) => data.context.length > 0)).toBe(true);
  });

  it('replays what was rejected, once and under its own id', async () => {
    expect(await done(['rejects'])).toContain('2 dead letters\n');
    const replay = ['rejects', 'replay', '--code', 'PROMPT_EMPTY'];
    expect(await done(replay)).toContain('1 dead letter published again\n');
    expect(await done(replay)).toBe('0 dead letters published again; 1 was replayed before\n');
    await done(['run', '--pipeline', 'generate', '--drain']);
    const rejects = (await events('rejects')).filter(({ data }) => data.error.code === 'PROMPT_EMPTY');
    expect(rejects).toHaveLength(2);
    const [first, second] = rejects.map(({ data }) => data.origin);
    const replayed = second.headers.ce_replayof ? second : first;
    const place = Buffer.from(replayed.headers.ce_replayof, 'base64').toString();
    expect(Buffer.from(replayed.headers.ce_id, 'base64').toString()).toBe(place);
    expect(replayed.value).toBe((replayed === second ? first : second).value);
    const failed = (await events('jobs')).filter(({ data }) => data.state === 'failed');
    expect(failed.map(({ data }) => data.request.id)).toEqual([place, place]);
  });

  it('continues a backfill that was published and not worked on, and knows its media afterwards', async () => {
    mkdirSync(join(folder, 'stock'));
    const names = ['anchor', 'ant', 'airplane'];
    for (const still of names)
      for (const end of ['png', 'txt'])
        cpSync(join(root, `examples/media/images/${still}.${end}`), join(folder, `stock/${still}.${end}`));
    const backfill = async (...more: string[]) =>
      JSON.parse(await done(['ingest', '--backfill', 'stock', '--json', ...more]));
    expect(await backfill('--publish-only')).toMatchObject({ published: 3, topic: `${name}-backfill` });
    const outcomes = { delivered: 3, rejected: 0, dropped: {} };
    expect(await backfill()).toMatchObject({ published: 0, resumed: 3, settled: 3, left: 0, outcomes });
    expect(await backfill()).toMatchObject({ published: 0, known: 3, settled: 0, left: 0 });
    expect(await events('backfill')).toHaveLength(3);
  });

  it('has nothing left to do', async () => {
    const reports = (await done(['run', '--drain', '--json']))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports.map(({ run }) => run.delivered)).toEqual([0, 0, 0]);
    expect(await events('videos')).toHaveLength(24);
  });

  it('refuses an index that was made from another corpus', async () => {
    writeFileSync(join(folder, 'stranger.yaml'), clusterTopology(`${name}-stranger`));
    const { code, err } = await vimi(['-t', 'stranger.yaml', 'corpus', 'search', 'fox']);
    expect(code).toBe(1);
    expect(err).toContain('INDEX_FOREIGN');
  });

  it('speaks TLS with a password to Kafka, and TLS to S3', async () => {
    const secure = JSON.parse(clusterTopology(name));
    const { transport, objects } = secure.profiles.cluster;
    const variable = (of: string) => `\${${of}}`;
    Object.assign(transport, {
      brokers: variable('KAFKA_SECURE_BROKERS'),
      tls: true,
      sasl: { mechanism: 'scram-sha-512', username: variable('KAFKA_USER'), password: variable('KAFKA_PASSWORD') },
    });
    objects.endpoint = variable('S3_SECURE_ENDPOINT');
    writeFileSync(join(folder, 'secure.yaml'), JSON.stringify(secure));
    const look = ['-t', 'secure.yaml', '--log-level', 'debug', 'doctor'];
    const trusting = { NODE_EXTRA_CA_CERTS: servers.TLS_CERTIFICATE };
    const { out, err } = await vimi(look, '', { env: trusting });
    expect(out).toMatch(new RegExp(`✓ topic +${name}-videos: 4 partitions, at most \\d+ records`));
    expect(out).toMatch(/✓ objects +bucket .+, can be read and listed/);

    const wrong = { KAFKA_PASSWORD: 'a-wrong-password', S3_SECRET_KEY: 'a-wrong-secret-key' };
    const refused = await vimi(look, '', { env: { ...trusting, ...wrong } });
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/✗ transport +TRANSPORT_/);
    expect(refused.out).toMatch(/✗ objects +STORAGE_DENIED/);
    const stranger = await vimi(look);
    expect(stranger.code).toBe(1);
    expect(stranger.out).toMatch(/✗ objects +STORAGE_UNAVAILABLE.*self.signed/);

    const texts = [out, err, refused.out, refused.err, stranger.out, stranger.err];
    const secrets = [servers.S3_SECRET_KEY, servers.KAFKA_PASSWORD, ...Object.values(wrong)];
    for (const secret of secrets) for (const text of texts) expect(text).not.toContain(secret);
  });

  it('loads Kafka and S3 only where they are used', async () => {
    const hook = join(folder, 'loaded.cjs');
    writeFileSync(
      hook,
      `process.on('exit', () => {
        const loaded = Object.keys(require('node:module')._cache).map((path) => /node_modules.(kafkajs|block-stream2)./.exec(path)?.[1]);
        process.stderr.write('loaded: ' + [...new Set(loaded)].filter(Boolean).sort().join(' ') + '.');
      });`,
    );
    cpSync(join(root, 'topology.yaml'), join(folder, 'embedded.yaml'));
    const embedded = await vimi(['-t', 'embedded.yaml', '-p', 'embedded', 'corpus', 'search', 'fox'], '', {
      node: ['-r', hook],
    });
    expect(embedded).toMatchObject({ code: 0, err: 'loaded: .' });
    expect((await vimi(['doctor'], '', { node: ['-r', hook] })).err).toBe('loaded: block-stream2 kafkajs.');
  });
});
