import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openS3Store, type S3Store } from '../../src/stores/objects/s3/open-s3.js';

// A server of its own, for it comes and goes.
const folder = mkdtempSync(join(tmpdir(), 'vimi-s3-server-'));
let store: S3Store;

async function server(what: 'up' | 'down'): Promise<void> {
  const env = { ...process.env, VIMI_INFRA: folder };
  await promisify(execFile)(process.execPath, ['infra/servers.mjs', what, 's3'], { env });
}

function kill(): void {
  for (const name of ['s3', 's3-tls']) {
    const [pid] = readFileSync(join(folder, 'run', `${name}.pid`), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
  }
}

beforeAll(async () => {
  await server('up');
  const { S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY } = parseEnv(readFileSync(join(folder, 'env'), 'utf8'));
  store = await openS3Store({
    endpoint: S3_ENDPOINT!,
    bucket: S3_BUCKET!,
    accessKey: S3_ACCESS_KEY,
    secretKey: S3_SECRET_KEY,
    // As long as the server needs to come back, on any machine.
    patienceMs: 120_000,
  });
});
afterAll(async () => {
  await store.close();
  await server('down');
  rmSync(folder, { recursive: true, force: true });
});

it('finishes what it was doing when the server is killed and comes back', async () => {
  const type = { mediaType: 'application/octet-stream' };
  const small = Array.from({ length: 20 }, (_, n) => [`small/${n}`, Buffer.alloc(200_000, n)] as const);
  const large = ['large', Buffer.alloc(60_000_000, 'large')] as const;
  for (const [key, body] of small) await store.put(key, body, type);

  let first: () => void = () => {};
  const begun = new Promise<void>((done) => {
    first = done;
  });
  const writing = [...small, large].map(([key, body]) => store.put(`again/${key}`, body, type).finally(first));
  const reading = small.map(async ([key, body]) => (await store.get(key)).equals(body));
  await begun;
  kill();
  const late = store.stat('small/0');
  await server('up');

  await Promise.all(writing);
  expect((await Promise.all(reading)).every(Boolean)).toBe(true);
  expect(await late).toMatchObject({ size: 200_000 });
  for (const [key, body] of [...small, large]) expect((await store.get(`again/${key}`)).equals(body), key).toBe(true);
});
