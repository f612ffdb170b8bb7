import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { compiled } from '../../src/core/compiled.js';
import { openS3Store, type S3Store, type S3StoreOptions } from '../../src/stores/objects/s3/open-s3.js';
import { thrownBy } from '../operators/run-operator.js';
import { describeObjectStore } from '../stores/objects/object-store-contract.js';

const servers = inject('servers');
const endpoint = servers.S3_ENDPOINT!;
const keys = { accessKey: servers.S3_ACCESS_KEY!, secretKey: servers.S3_SECRET_KEY! };
const bucket = servers.S3_BUCKET!;
const bytes = { mediaType: 'application/octet-stream' };
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');

const opened: S3Store[] = [];
async function open(options: Partial<S3StoreOptions> = {}): Promise<S3Store> {
  opened.push(await openS3Store({ endpoint, bucket, prefix: `test/${randomUUID()}`, ...keys, ...options }));
  return opened.at(-1)!;
}
/** The server as others use it. */
function bare(): Client {
  const { hostname, port } = new URL(endpoint);
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, region: 'us-east-1', ...keys });
}
afterAll(async () => {
  for (const store of opened) await store.close();
});

describeObjectStore('the S3 store', () => open());

describe('the S3 store', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vimi-s3-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('sends what is larger than a part in parts, from memory and from a file, and leaves no upload open', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const body = Buffer.alloc(37_000_001);
    for (let n = 0; n < body.length; n += 4099) body[n] = n;
    const file = join(folder, 'large');
    await writeFile(file, body);
    for (const [key, source] of [
      ['memory', body],
      ['file', { file }],
    ] as const) {
      const ref = await store.put(key, source, { mediaType: 'video/mp4' });
      expect(ref).toEqual({ key, size: body.length, sha256: sha256(body), media_type: 'video/mp4' });
      expect(await store.stat(key)).toEqual(ref);
      expect((await store.get(key)).equals(body)).toBe(true);
    }
    for await (const upload of bare().listIncompleteUploads(bucket, prefix, true)) expect(upload).toBeUndefined();
  });

  it('keeps what two writers of a large object store apart', async () => {
    const store = await open();
    const versions = ['a', 'b', 'c'].map((letter) => Buffer.alloc(17_000_000, letter));
    await Promise.all(versions.map((version) => store.put('raced', version, bytes)));
    const found = await store.get('raced');
    expect(versions.some((version) => version.equals(found))).toBe(true);
  });

  it('notices bytes that are not the ones that were stored', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const ref = await store.put('a.txt', Buffer.from('good'), { mediaType: 'text/plain' });
    const damaged = Buffer.from('evil');
    await bare().putObject(bucket, `${prefix}/a.txt`, damaged, damaged.length, { 'x-amz-meta-sha256': ref.sha256 });
    expect((await thrownBy(() => store.get('a.txt'))).code).toBe('OBJECT_DAMAGED');
    expect((await thrownBy(() => store.localFile('a.txt'))).code).toBe('OBJECT_DAMAGED');
    const reading = await store.stream('a.txt');
    await expect(reading.toArray()).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });

  it('reads what others stored, without a hash or with nonsense for one', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const body = Buffer.from('of somebody else');
    for (const [key, metadata] of [
      ['plain.mp4', {}],
      ['nonsense.mp4', { 'x-amz-meta-sha256': 'unknown' }],
    ] as const) {
      await bare().putObject(bucket, `${prefix}/${key}`, body, body.length, {
        'content-type': 'video/mp4',
        ...metadata,
      });
      const ref = { key, size: body.length, sha256: sha256(body), media_type: 'video/mp4' };
      expect(await store.stat(key)).toEqual(ref);
      expect(await store.get(key, { sha256: ref.sha256 })).toEqual(body);
    }
  });

  it('lists more keys than a page holds, in byte order, and no name that is no key', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const names = Array.from({ length: 1050 }, (_, n) => `many/${n % 3 ? 'x' : 'x-'}/${n}`);
    const waiting = [...names];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let key = waiting.pop(); key; key = waiting.pop()) await store.put(key, Buffer.from(key), bytes);
      }),
    );
    await bare().putObject(bucket, `${prefix}/many/my holiday.mp4`, Buffer.from('x'), 1);
    const found: string[] = [];
    const others: string[] = [];
    for await (const key of store.list('many/', { onOther: (name) => others.push(name) })) found.push(key);
    expect(others).toEqual(['many/my holiday.mp4']);
    expect(found).toEqual([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  it('gives a local file the ending of its key, and takes it away again', async () => {
    const store = await open({ temporary: async () => folder });
    const before = await readdir(folder);
    await store.put('a/b.mp4', Buffer.from('video'), { mediaType: 'video/mp4' });
    const lent = await store.localFile('a/b.mp4');
    expect(lent.path.endsWith('/b.mp4')).toBe(true);
    await lent.release();
    await thrownBy(() => store.localFile('a/nothing.mp4'));
    expect(await readdir(folder)).toEqual(before);
  });

  it('gives links that need no keys', async () => {
    const store = await open();
    await store.put('shown.txt', Buffer.from('for everybody'), { mediaType: 'text/plain' });
    const asked = Date.now();
    const { url, expires } = await store.link('shown.txt', 60);
    expect(Date.parse(expires)).toBeGreaterThan(asked);
    expect(Date.parse(expires)).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(url).not.toContain(keys.secretKey);
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/plain');
    expect(await response.text()).toBe('for everybody');
    const anonymous = await fetch(`${endpoint}/${bucket}/shown.txt`);
    expect(anonymous.status).not.toBe(200);
    const changed = await fetch(url.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000'));
    expect(changed.status).toBe(403);
  });

  it('[streams F25] says which region the server wants, and which names no bucket can have', async () => {
    const region = await thrownBy(() => open({ region: 'eu-central-1' }));
    expect(region.remedy).toContain('Set region: us-east-1');
    expect(region.message).not.toContain('&#');
    const name = await thrownBy(() => open({ bucket: 'Vimi_A2' }));
    expect(name).toMatchObject({ code: 'USAGE', message: expect.stringContaining('3 to 63 small letters') });
    const key = await thrownBy(() => open({ secretKey: 'wrong' }));
    expect(key.remedy).toContain('secret_key');
  });

  it('refuses a link that has expired', async () => {
    const store = await open();
    await store.put('shown.txt', Buffer.from('for a while'), { mediaType: 'text/plain' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 120_000 });
    const { url } = await store.link('shown.txt', 60).finally(() => vi.useRealTimers());
    expect((await fetch(url)).status).toBe(403);
  });

  it('writes what is named by its bytes once, and again when it has grown old', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const named = { ...bytes, byContent: true };
    for (const [key, body] of [
      ['small', Buffer.from('a fox')],
      ['large', Buffer.alloc(17_000_000, 'fox')],
    ] as const) {
      await store.put(key, body, named);
      const file = join(servers.TLS_CERTIFICATE!, '../../data/s3', bucket, prefix, key);
      const { ino, mtimeMs } = await stat(file);
      await store.put(key, body, named);
      expect(await stat(file)).toMatchObject({ ino, mtimeMs });
      const long = new Date(Date.now() - 7_200_000);
      await utimes(file, long, long);
      await store.put(key, body, named);
      expect((await stat(file)).mtimeMs).toBeGreaterThan(long.getTime());
      expect((await store.get(key)).equals(body)).toBe(true);
    }
    for await (const upload of bare().listIncompleteUploads(bucket, prefix, true)) expect(upload).toBeUndefined();
  });

  it('does not replace what others put under such a name, with a hash or without', async () => {
    const prefix = `test/${randomUUID()}`;
    const store = await open({ prefix });
    const body = Buffer.from('a fox');
    for (const [key, there, code] of [
      ['same', 'a fox', undefined],
      ['other', 'an owl', 'OBJECT_DAMAGED'],
    ] as const) {
      await bare().putObject(bucket, `${prefix}/${key}`, there);
      const failed = await store.put(key, body, { ...bytes, byContent: true }).then(
        () => undefined,
        ({ code }) => code,
      );
      expect(failed).toBe(code);
      expect(String(await store.get(key))).toBe(there);
    }
  });

  it('says when the clock of this machine is wrong', async () => {
    const store = await open();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    try {
      for (const call of [() => store.put('a', Buffer.from('x'), bytes), () => store.get('a'), () => store.stat('a')])
        expect((await thrownBy(call)).code).toBe('CLOCK_SKEWED');
    } finally {
      vi.useRealTimers();
    }
  });

  it('makes a bucket that is missing, also when several do so at once', async () => {
    const fresh = `vimi-${randomUUID()}`;
    try {
      const stores = await Promise.all([1, 2, 3].map(() => open({ bucket: fresh, prefix: '' })));
      for (const [n, store] of stores.entries()) await store.put('a', Buffer.from(`${n}`), bytes);
      expect(String(await stores[0]!.get('a'))).toBe('2');
      await stores[0]!.remove('a');
    } finally {
      await bare().removeBucket(fresh);
    }
  });

  it('says when the bucket has gone', async () => {
    const fresh = `vimi-${randomUUID()}`;
    const store = await open({ bucket: fresh });
    await bare().removeBucket(fresh);
    expect((await thrownBy(() => store.put('a', Buffer.from('x'), bytes))).code).toBe('BUCKET_NOT_FOUND');
    expect((await thrownBy(() => store.get('a'))).code).toBe('BUCKET_NOT_FOUND');
  });

  it('says when the keys are wrong, and repeats no secret', async () => {
    for (const wrong of [{ secretKey: 'not-the-secret' }, { accessKey: 'nobody' }]) {
      const error = await thrownBy(() => open(wrong));
      expect(error.code).toBe('STORAGE_DENIED');
      expect(error.message).not.toContain('not-the-secret');
    }
  });

  it.each(['not an address', 'ftp://host', 'http://host/path', 'http://user:secret@host'])(
    'refuses the endpoint %j without repeating it',
    async (wrong) => {
      const error = await thrownBy(() => open({ endpoint: wrong }));
      expect(error.code).toBe('USAGE');
      expect(error.message).not.toContain('secret');
    },
  );

  it('speaks TLS, and only with a server whose certificate is trusted', async () => {
    const secure = { endpoint: servers.S3_SECURE_ENDPOINT!, bucket, prefix: `test/${randomUUID()}`, ...keys };
    const error = await thrownBy(() => open(secure));
    expect(error.code).toBe('STORAGE_UNAVAILABLE');
    expect(error.message).toMatch(/self.signed/i);
    const program = `
      import { openS3Store } from ${JSON.stringify(compiled(import.meta.url, '../../src/stores/objects/s3/open-s3.js'))};
      const store = await openS3Store(JSON.parse(process.env.STORE));
      await store.put('a', Buffer.alloc(17_000_000, 'tls'), { mediaType: 'text/plain' });
      console.log((await store.get('a')).length);
      await store.close();`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: servers.TLS_CERTIFICATE!, STORE: JSON.stringify(secure) };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env });
    expect(stdout).toBe('17000000\n');
  });
});

describe('the S3 store in trouble', () => {
  const things: { close(): unknown }[] = [];
  afterAll(() => {
    for (const thing of things) thing.close();
  });
  const listening = async <T extends Server | ReturnType<typeof createTcpServer>>(server: T) => {
    things.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  /** Between the store and the server; `meddle` answers itself, or leaves the request to the server. */
  async function between(
    meddle: (
      method: string,
      url: string,
      headers: IncomingHttpHeaders,
    ) => { status: number; body?: string } | 'cut' | 'pass',
  ) {
    const target = new URL(endpoint);
    const proxy = createServer((incoming, outgoing) => {
      const answer = meddle(incoming.method!, incoming.url!, incoming.headers);
      if (answer === 'cut') {
        incoming.socket.destroy();
        return;
      }
      if (answer !== 'pass') {
        incoming.resume().on('end', () => outgoing.writeHead(answer.status).end(answer.body ?? ''));
        return;
      }
      const forwarded = request(
        {
          host: target.hostname,
          port: target.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (response) => {
          outgoing.writeHead(response.statusCode!, response.headers);
          response.pipe(outgoing);
        },
      );
      incoming.pipe(forwarded);
    });
    return listening(proxy);
  }

  it('comes through answers of 5xx, SlowDown and connections that are cut', async () => {
    let count = 0;
    const troubles = [{ status: 500 }, { status: 503, body: '<Error><Code>SlowDown</Code></Error>' }, 'cut'] as const;
    const store = await open({
      endpoint: await between(() => (count++ % 3 ? 'pass' : troubles[Math.floor(count / 3) % troubles.length]!)),
    });
    const body = Buffer.alloc(20_000_000, 'vimi');
    await store.put('large', body, bytes);
    expect((await store.get('large')).equals(body)).toBe(true);
    expect(await store.stat('large')).toMatchObject({ size: body.length });
    await store.remove('large');
    expect(await store.stat('large')).toBeNull();
    expect(count).toBeGreaterThan(10);
  });

  it('knows an upload that succeeded though its last answer was lost', async () => {
    let completed = 0;
    const target = new URL(endpoint);
    const proxy = createServer((incoming, outgoing) => {
      const completes = incoming.method === 'POST' && /uploadId=/.test(incoming.url!);
      const forwarded = request(
        {
          host: target.hostname,
          port: target.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (response) => {
          if (completes && completed++ === 0) {
            response.resume().on('end', () => incoming.socket.destroy());
            return;
          }
          outgoing.writeHead(response.statusCode!, response.headers);
          response.pipe(outgoing);
        },
      );
      incoming.pipe(forwarded);
    });
    const store = await open({ endpoint: await listening(proxy) });
    const body = Buffer.alloc(17_000_000, 'x');
    await store.put('large', body, bytes);
    expect(completed).toBe(1);
    expect((await store.get('large')).equals(body)).toBe(true);
  });

  it('understands a failure that comes after the status 200', async () => {
    let failures = 0;
    const body = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>m</Message></Error>';
    const store = await open({
      endpoint: await between((method, url) =>
        method === 'POST' && /uploadId=/.test(url) && failures++ < 2 ? { status: 200, body } : 'pass',
      ),
    });
    const large = Buffer.alloc(17_000_000, 'x');
    await store.put('large', large, bytes);
    expect(failures).toBe(3);
    expect((await store.get('large')).equals(large)).toBe(true);
  });

  it.each(['<Error><Code>NotImplemented</Code><Message>m</Message></Error>', ''])(
    'does without conditions where the server has none and says %j',
    async (body) => {
      let refused = 0;
      const store = await open({
        endpoint: await between((_, __, headers) => {
          if (!('if-none-match' in headers)) return 'pass';
          refused++;
          return { status: 501, body };
        }),
      });
      for (const object of [Buffer.from('a fox'), Buffer.alloc(17_000_000, 'fox'), Buffer.from('an owl')])
        for (const _ of [1, 2])
          expect(await store.put(`${object.length}`, object, { ...bytes, byContent: true })).toEqual(
            await store.stat(`${object.length}`),
          );
      expect(refused).toBe(1);
    },
  );

  /** Between the store and the server: `pass` hands on each piece of an answer, in its own time. */
  async function slowly(pass: (piece: Buffer, on: (piece: Buffer) => void) => Promise<void>) {
    const target = new URL(endpoint);
    const proxy = createTcpServer((socket) => {
      const through = connect(Number(target.port), target.hostname);
      let line = Promise.resolve();
      socket.on('error', () => {}).on('close', () => through.destroy());
      socket.pipe(through);
      through.on('error', () => {});
      through.on('data', (piece) => {
        line = line.then(() => pass(piece, (part) => void (socket.destroyed || socket.write(part))));
      });
      through.on('close', () => line.then(() => socket.end()));
    });
    return listening(proxy);
  }

  it('waits for an answer that is slow but moves, however long it takes as a whole', async () => {
    const body = Buffer.alloc(40_000, 'slow');
    // Forty pieces take four seconds: more than the silence that is allowed, though none of the pauses is nearly as long.
    const endpoint = await slowly(async (piece, on) => {
      for (let from = 0; from < piece.length; from += 1000) {
        await pause(100);
        on(piece.subarray(from, from + 1000));
      }
    });
    const store = await open({ endpoint, silenceMs: 3000 });
    await store.put('slow', body, bytes);
    expect((await store.get('slow')).equals(body)).toBe(true);
  });

  it('asks again when the server stops in the middle of an answer', async () => {
    let [stalls, stalled] = [false, 0];
    const body = Buffer.alloc(300_000, 'stalled');
    const endpoint = await slowly(async (piece, on) => {
      if (!stalls) return on(piece);
      stalls = false;
      stalled++;
      on(piece.subarray(0, 1000));
      await new Promise(() => {});
    });
    const store = await open({ endpoint, silenceMs: 1000 });
    await store.put('large', body, bytes);
    stalls = true;
    expect((await store.get('large')).equals(body)).toBe(true);
    stalls = true;
    const { path, release } = await store.localFile('large');
    expect((await readFile(path)).equals(body)).toBe(true);
    await release();
    expect(stalled).toBe(2);
  });

  it('gives up on a server that stays silent, when its patience ends', async () => {
    const sockets: Socket[] = [];
    const silent = await listening(createTcpServer((socket) => void sockets.push(socket)));
    const error = await thrownBy(() => open({ endpoint: silent, silenceMs: 50, patienceMs: 3_000 }));
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true });
    expect(error.message).toContain('silent for 50 ms');
    expect(sockets.length).toBeGreaterThan(1);
    for (const socket of sockets) socket.destroy();
  });

  it('waits for a server that comes back', async () => {
    let up = true;
    const target = new URL(endpoint);
    let refused = 0;
    const gate = createTcpServer((socket) => {
      socket.on('error', () => {});
      if (!up) {
        if (++refused === 3) up = true;
        socket.destroy();
        return;
      }
      const through = connect(Number(target.port), target.hostname);
      through.on('error', () => socket.destroy());
      socket.pipe(through).pipe(socket);
      socket.on('close', () => through.destroy());
      through.on('close', () => socket.destroy());
    });
    // A signature covers the name of the host, and this one is another port: the server takes any.
    const store = await open({ endpoint: await listening(gate) });
    await store.put('a', Buffer.from('before'), bytes);
    up = false;
    const fresh = await openS3Store({
      endpoint: `http://127.0.0.1:${(gate.address() as AddressInfo).port}`,
      bucket,
      ...keys,
    });
    opened.push(fresh);
    expect(refused).toBe(3);
    expect(String(await store.get('a'))).toBe('before');
  });

  it.each([
    ['RequestTimeTooSkewed', 403, 'CLOCK_SKEWED'],
    ['AccessDenied', 403, 'STORAGE_DENIED'],
    ['SignatureDoesNotMatch', 403, 'STORAGE_DENIED'],
    ['InsufficientStorage', 507, 'STORAGE_FULL'],
    ['QuotaExceeded', 403, 'STORAGE_FULL'],
    ['SomethingNew', 400, 'STORAGE_DENIED'],
  ])('says of %s (%i) that it is %s', async (answer, status, code) => {
    let healthy = true;
    const store = await open({
      patienceMs: 100,
      endpoint: await between(() =>
        healthy ? 'pass' : { status, body: `<Error><Code>${answer}</Code><Message>m</Message></Error>` },
      ),
    });
    healthy = false;
    const error = await thrownBy(() => store.put('a', Buffer.from('x'), bytes));
    expect(error.code).toBe(code);
    expect(error.message).toContain(answer);
  });
});
