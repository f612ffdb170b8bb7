import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { addressOf } from '../../src/server/address.js';
import { thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});
async function served(topology: string, options?: Parameters<typeof serve>[1]): Promise<Served> {
  const one = await serve(topology, options);
  open.push(one);
  return one;
}

describe('the HTTP server', patient, () => {
  it('takes a bounded number of connections, and others again when those are gone', async () => {
    const { server } = await served(await ownTopology(), { mostConnections: 10 });
    const port = Number(new URL(server.url).port);
    const idle = Array.from({ length: 10 }, () => connect(port, '127.0.0.1').resume());
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    // By hand: fetch can wait for ever where its connection is closed before anything was sent.
    const tooMany = connect(port, '127.0.0.1').resume();
    tooMany.on('error', () => {});
    await once(tooMany, 'close');
    // At once, and not as all that say nothing for too long.
    expect(idle.filter(({ closed }) => closed)).toEqual([]);
    for (const socket of idle) socket.destroy();
    const look = () => fetch(`${server.url}/health`, { signal: AbortSignal.timeout(2000) });
    await vi.waitFor(async () => expect((await look()).status).toBe(200), patient);
  });

  it('refuses a head that can be read in two ways, and lets no cache keep what it answers', async () => {
    const { server } = await served(await ownTopology());
    const ask = async (head: string[], body = '') => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      let heard = '';
      socket.on('data', (chunk) => {
        heard += chunk;
      });
      socket.write(`${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`);
      await once(socket, 'close');
      return heard;
    };
    const host = 'Host: localhost';
    const body = '{"prompt": "a fox"}';
    const post = ['POST /v1/videos HTTP/1.1', host, 'Content-Type: application/json', `Content-Length: ${body.length}`];
    for (const [where, head] of [
      ['Host', ['GET /v1/videos HTTP/1.1']],
      ['host', ['GET /v1/videos HTTP/1.1', host, 'Host: evil.example']],
      ['idempotency-key', [...post, 'Idempotency-Key: a', 'idempotency-key: b']],
      ['authorization', ['GET /v1/videos HTTP/1.1', host, 'Authorization: Bearer a', 'Authorization: Bearer b']],
      ['last-event-id', ['GET /v1/videos/x HTTP/1.1', host, 'Last-Event-ID: 1', 'Last-Event-ID: 9']],
    ] as const) {
      const heard = await ask([...head], head[0].startsWith('POST') ? body : '');
      expect(heard, where).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"HTTP_MALFORMED"/);
      expect(heard).toContain(where);
    }
    // Older clients and proxies have no Host; one that expects what nobody knows is answered all the same.
    expect(await ask(['GET /health HTTP/1.0'])).toMatch(/^HTTP\/1.1 200 /);
    const made = await ask([...post, 'Expect: 200-maybe'], body);
    expect(made).toMatch(/^HTTP\/1.1 202 [\s\S]*cache-control: no-store/);
    expect(await ask(['GET /v1/videos/x HTTP/1.1', host])).toMatch(/^HTTP\/1.1 404 [\s\S]*cache-control: no-store/);
  });

  it('refuses names in a query that nothing reads, as it refuses fields of a body, and says which', async () => {
    const { call, post, server } = await served(await ownTopology());
    for (const [path, name] of [
      ['/v1/videos?stauts=failed', 'stauts'],
      ['/v1/videos?status=failed&limits=5', 'limits'],
      ['/v1/models?q=nano', 'q'],
      ['/v1/videos/none?fields=id', 'fields'],
    ] as const) {
      const { status, body } = await call(path);
      expect([status, body.code, body.errors[0].pointer], path).toEqual([400, 'HTTP_MALFORMED', `/${name}`]);
    }
    expect((await post('/v1/videos?promt=x', { prompt: 'a fox' })).status).toBe(400);
    expect((await call('/v1/videos')).body.data).toEqual([]);
    // Probes and proxies ask with what they like.
    expect((await fetch(`${server.url}/health?_=1`)).status).toBe(200);
    expect((await call('/v1/videos?')).status).toBe(200);
  });

  it('turns away what comes while it closes, and answers what came before', async () => {
    const one = await serve(await ownTopology());
    const socket = connect(Number(new URL(one.server.url).port), '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    const asks = (body: string, more = '') =>
      `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}\r\n`;
    const [half, whole] = ['{"prompt": 1}', '{"prompt": "a fox"}'];
    // Its head has come, as the server says, and its body has not.
    socket.write(asks(half, 'Expect: 100-continue\r\n'));
    await vi.waitFor(() => expect(heard).toContain('100 Continue'), patient);
    const closed = once(socket, 'close');
    const closing = one.server.close();
    socket.write(`${half}${asks(whole)}${whole}`);
    await closed;
    await closing;
    const answers = heard.split('HTTP/1.1 ').slice(2);
    expect(answers[0]).toMatch(/^422 [\s\S]*EVENT_INVALID/);
    expect(answers[1]).toMatch(/^503 [\s\S]*application\/problem\+json[\s\S]*"code":"SERVER_CLOSING"/);
    expect(answers[1]!.toLowerCase()).toContain('retry-after: ');
    await one.workspace.close();
  });

  it('closes without waiting for who has an answer and still sends', async () => {
    const one = await serve(await ownTopology());
    const form = '--b\r\nContent-Disposition: form-data; name="odd"; filename="a"\r\n\r\nGIF89a\r\n--b\r\n';
    // No limit of time ends it.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const sockets = await Promise.all(
      [
        ['multipart/form-data; boundary=b', form, '415'],
        ['text/csv', 'a,b', '415'],
      ].map(async ([type, body, status]) => {
        const socket = connect(Number(new URL(one.server.url).port), '127.0.0.1');
        socket.on('error', () => {});
        socket.write(
          `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 9000\r\n\r\n${body}`,
        );
        const [answer] = await once(socket, 'data');
        expect(String(answer)).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
        return { socket, closed: once(socket, 'close') };
      }),
    );
    await one.server.close();
    await Promise.all(sockets.map(({ closed }) => closed));
    await one.workspace.close();
  });

  it('tells a client that sends too much why, while it still sends it', async () => {
    const { server } = await served(await ownTopology());
    for (const [type, start] of [
      ['application/json', '"'],
      [
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="subject"; filename="a"\r\n\r\n',
      ],
    ]) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      const errors: string[] = [];
      socket.on('error', ({ message }) => errors.push(message));
      let heard = '';
      socket.setEncoding('utf8').on('data', (text) => {
        heard += text;
      });
      socket.write(
        `POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
      socket.write(chunk(start!));
      const much = chunk('x'.repeat(1_000_000));
      // Up to 60 MB, and then never ended.
      for (let n = 0; n < 60 && heard === ''; n++)
        await new Promise<void>((resolve) => socket.write(much, () => resolve()));
      await vi.waitFor(() => expect(heard).toMatch(/"code":"HTTP_TOO_LARGE"[\s\S]*\}$/), patient);
      expect(heard).toMatch(/^HTTP\/1\.1 413 [\s\S]*at most \d+ bytes/);
      expect(errors).toEqual([]);
      socket.destroy();
    }
  });

  it('lets a client go that is refused and goes on sending, however slowly', async () => {
    const { server } = await served(await ownTopology());
    const heard = await Promise.all(
      [
        ['/v1/media', 'elsewhere.example'],
        ['/v1/videos', 'elsewhere.example'],
        ['/v1/nothing', 'localhost'],
      ].map(async ([path, host]) => {
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{`,
        );
        const sending = setInterval(() => socket.write(' '), 200);
        socket.on('error', () => {});
        await new Promise((resolve) => socket.once('close', resolve));
        clearInterval(sending);
        return text.slice(0, 12);
      }),
    );
    expect(heard).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403', 'HTTP/1.1 404']);
  });

  it('says that an address is not there, or not for this method, before the body comes and whatever it is', async () => {
    const { server } = await served(await ownTopology());
    const heard = await Promise.all(
      ['POST /v1/vidoes', 'PUT /v1/videos'].flatMap((line) =>
        ['application/json', 'text/csv'].map(async (type) => {
          const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
          socket.on('error', () => {});
          socket.write(
            `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 1000000\r\n\r\n{`,
          );
          let text = '';
          for await (const chunk of socket.setEncoding('utf8')) {
            text += chunk;
            if (text.endsWith('}')) break;
          }
          return `${text.slice(9, 12)} ${/"code":"(\w+)"/.exec(text)?.[1]}`;
        }),
      ),
    );
    const [unknown, other] = ['404 ROUTE_UNKNOWN', '405 ROUTE_UNKNOWN'];
    expect(heard).toEqual([unknown, unknown, other, other]);
  });

  it('says which address is taken, and what is no address', async () => {
    const topology = await ownTopology();
    const { server } = await served(topology);
    const port = Number(new URL(server.url).port);
    const error = await thrownBy(() => serve(topology, { address: { host: '127.0.0.1', port } }));
    expect(error).toMatchObject({ code: 'USAGE', where: `127.0.0.1:${port}` });
    expect(error.message).toContain('expected a free port');
    expect(addressOf('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 });
    expect(addressOf('[::1]:80')).toEqual({ host: '::1', port: 80 });
    expect(addressOf(':0')).toEqual({ host: '127.0.0.1', port: 0 });
    for (const text of ['9400', 'host', 'a:b', 'a:70000', '::1:80'])
      expect((await thrownBy(async () => addressOf(text))).code).toBe('USAGE');
  });

  it('serves all but videos where no pipeline makes them', async () => {
    const topology = await ownTopology((text) =>
      text
        .replace(/ {2}# Requests become videos\.[\s\S]*?(?= {2}# Media become)/, '')
        .replace(/\ntests:[\s\S]*$/, '\n'),
    );
    const { call, server } = await served(topology);
    expect((await call('/v1/videos')).body.code).toBe('ROUTE_UNKNOWN');
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});
