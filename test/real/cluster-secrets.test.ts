import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { patience } from '../support/patience.js';
import { type Ended, runVimi } from './run-vimi.js';

const servers = inject('servers');
const name = `secrets-${randomUUID().slice(0, 8)}`;
const authority = servers.TLS_CERTIFICATE!;
const key = join(authority, '../tls.key');
const { KAFKA_PASSWORD: password, S3_SECRET_KEY: secretKey, ...rest } = servers;
const secrets = [password!, secretKey!];
let folder: string;
const said: string[] = [];

/** Neither the secrets nor the authority are in the environment. */
const env = { ...process.env, ...rest, VIMI_PROFILE: 'cluster' } as NodeJS.ProcessEnv;
for (const absent of ['KAFKA_PASSWORD', 'S3_SECRET_KEY', 'NODE_EXTRA_CA_CERTS']) delete env[absent];

async function vimi(args: string[], input = ''): Promise<Ended> {
  const ended = await runVimi(args, { cwd: folder, env, input });
  said.push(ended.out, ended.err);
  return ended;
}

interface Profile {
  transport: Record<string, unknown>;
  objects: Record<string, unknown>;
}

/** Kafka and S3 with TLS and passwords, with one certificate as authority and the secrets from files. */
function write(file: string, change: (profile: Profile) => void = () => {}): void {
  const topology = JSON.parse(clusterTopology(name));
  const { cluster } = topology.profiles;
  const from = (what: string) => `\${${what}}`;
  Object.assign(cluster.transport, {
    brokers: from('KAFKA_SECURE_BROKERS'),
    tls: { ca: 'ca.pem' },
    sasl: { mechanism: 'scram-sha-512', username: from('KAFKA_USER'), password: from('file:secrets/kafka') },
  });
  Object.assign(cluster.objects, {
    endpoint: from('S3_SECURE_ENDPOINT'),
    secret_key: from(`file:${join(folder, 'secrets/s3')}`),
    tls: { ca: authority },
    links: { [`${name}-videos`]: '1h' },
  });
  change(cluster);
  writeFileSync(join(folder, file), JSON.stringify(topology));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-secrets-'));
  mkdirSync(join(folder, 'secrets'));
  copyFileSync(authority, join(folder, 'ca.pem'));
  writeFileSync(join(folder, 'secrets/kafka'), `${password}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'secrets/s3'), `${secretKey}\n`, { mode: 0o600 });
  write('topology.yaml');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With the authority and nothing else: no key, no header. */
function fetched(url: string): Promise<{ status: number; body: Buffer }> {
  const agent = new Agent({ ca: readFileSync(authority) });
  return new Promise((done, fail) => {
    get(url, { agent }, async (response) => {
      const body = Buffer.concat(await response.toArray());
      done({ status: response.statusCode!, body });
    }).on('error', fail);
  });
}

describe('a profile with secrets in files and an authority of its own', { timeout: patience(300) }, () => {
  it('works, and gives consumers links', async () => {
    expect(await vimi(['validate'])).toMatchObject({ code: 0 });
    expect(await vimi(['graph'])).toMatchObject({ code: 0 });
    expect(await vimi(['topics', 'apply'])).toMatchObject({ code: 0 });
    const doctor = await vimi(['--log-level', 'debug', 'doctor']);
    expect(doctor.out).toMatch(/✓ objects +bucket .+, can be read and listed/);
    expect(doctor).toMatchObject({ code: 0 });

    const before = Date.now();
    const request = { prompt: 'a fox moves left', frames: 4, retrieval: false };
    await vimi(['publish', '--raw', `${name}-requests`], `${JSON.stringify(request)}\n`);
    const run = await vimi(['--log-level', 'debug', 'run', '--pipeline', 'generate', '--drain', '--json']);
    expect(run, run.err).toMatchObject({ code: 0 });
    const { out } = await vimi(['read', `${name}-videos`, '--json']);
    const [event, ...more] = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(more).toEqual([]);
    const { object, link } = event.data;
    expect(Date.parse(link.expires)).toBeGreaterThan(before + 3_590_000);
    expect(Date.parse(link.expires)).toBeLessThanOrEqual(Date.now() + 3_600_000);
    const { status, body } = await fetched(link.url);
    expect(status).toBe(200);
    expect(body).toHaveLength(object.size);
    expect(createHash('sha256').update(body).digest('hex')).toBe(object.sha256);
    expect((await fetched(link.url.split('?')[0])).status).toBe(403);
  });

  it('says what is wrong with the files', async () => {
    writeFileSync(join(folder, 'secrets/empty'), '\n');
    write('empty.yaml', ({ objects }) => Object.assign(objects, { secret_key: `\${${'file:secrets/empty'}}` }));
    const empty = await vimi(['-t', 'empty.yaml', 'validate']);
    expect(empty.code).toBe(2);
    expect(empty.out + empty.err).toContain(`the file ${join(folder, 'secrets/empty')} is empty`);

    write('wrong.yaml', ({ transport, objects }) => {
      Object.assign(transport, { tls: { ca: 'nowhere.pem' } });
      // A key is no authority, and not to be told of.
      Object.assign(objects, { tls: { ca: key } });
    });
    const { code, out } = await vimi(['-t', 'wrong.yaml', 'doctor']);
    expect(code).toBe(1);
    expect(out).toMatch(/✗ transport +TOPOLOGY_INVALID: .*found ENOENT/);
    expect(out).toMatch(/✗ objects +TOPOLOGY_INVALID: .*found no certificate/);

    write('plain.yaml', ({ objects }) => Object.assign(objects, { endpoint: servers.S3_ENDPOINT }));
    expect((await vimi(['-t', 'plain.yaml', 'doctor'])).out).toMatch(/✗ objects +USAGE: .*does not use TLS/);
  });

  it('is refused with wrong secrets', async () => {
    for (const file of ['kafka', 's3']) writeFileSync(join(folder, `secrets/wrong-${file}`), `wrong-${file}-secret\n`);
    secrets.push('wrong-kafka-secret', 'wrong-s3-secret');
    write('wrong.yaml', ({ transport, objects }) => {
      Object.assign(transport.sasl as object, { password: `\${${'file:secrets/wrong-kafka'}}` });
      Object.assign(objects, { secret_key: `\${${'file:secrets/wrong-s3'}}` });
    });
    for (const args of [['doctor'], ['run', '--drain'], ['objects', 'sweep'], ['read', `${name}-videos`]]) {
      const { code, out, err } = await vimi(['-t', 'wrong.yaml', '--log-level', 'debug', ...args]);
      expect(code).toBe(1);
      expect(out + err).toMatch(/TRANSPORT_DENIED|STORAGE_DENIED/);
    }
  });

  it('shows its certificate to a broker that asks for one', async () => {
    const seen: string[] = [];
    const certificate = readFileSync(authority);
    const server = createServer(
      { cert: certificate, key: readFileSync(key), ca: certificate, requestCert: true, rejectUnauthorized: true },
      (socket: TLSSocket) => {
        seen.push(String(socket.getPeerCertificate().subject.CN));
        socket.on('error', () => {}).destroy();
      },
    );
    server.on('tlsClientError', ({ message }) => seen.push(message));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    try {
      for (const own of [{ cert: 'ca.pem', key }, {}]) {
        seen.length = 0;
        write('mutual.yaml', ({ transport }) =>
          Object.assign(transport, { brokers: `127.0.0.1:${port}`, tls: { ca: 'ca.pem', ...own } }),
        );
        expect((await vimi(['-t', 'mutual.yaml', 'topics', 'diff'])).code).toBe(1);
        const expected = 'key' in own ? /^localhost$/ : /peer did not return a certificate/;
        expect(seen.length).toBeGreaterThan(0);
        for (const answer of seen) expect(answer).toMatch(expected);
      }
    } finally {
      server.close();
    }
  });

  it('told nobody a secret', () => {
    const pem = readFileSync(key, 'utf8').split('\n')[1]!;
    expect(said.join('').length).toBeGreaterThan(1000);
    for (const secret of [...secrets, pem]) for (const text of said) expect(text).not.toContain(secret);
  });
});
