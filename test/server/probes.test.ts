import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Trouble } from '../../src/flow/pause.js';
import { type App, openApp } from '../../src/server/app.js';
import { addProbes } from '../../src/server/probes.js';
import { createMetrics, type Metrics } from '../../src/streams/delivery/metrics.js';
import { quietLog } from '../operators/run-operator.js';

const apps: App[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** Serves them on a free port; gives the address of the metrics. */
async function served(metrics: Metrics): Promise<string> {
  const app = await openApp({ log: quietLog, version: 'test' });
  apps.push(app);
  addProbes(app, metrics);
  return `${await app.listen({ host: '127.0.0.1', port: 0 })}/metrics`;
}

/** What comes back for these bytes, until the server is done or has answered. */
function sent(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    );
  });
}

describe('probes', () => {
  it('serves what a scraper reads, and says that it lives', async () => {
    const metrics = createMetrics();
    metrics.countOutcomes('corpus', { delivered: 3, rejected: 1, dropped: { duplicate: 2 } });
    const stop = metrics.watch('corpus', () => ({
      partitions: 2,
      open: 4,
      waiting: 1,
      maxInFlight: 64,
      troubles: [],
      oldest: new Map(),
      inStep: new Map(),
      behind: async () => new Map([[0, { lag: 7, waiting: 4 }]]),
    }));
    const url = await served(metrics);
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    const text = await answer.text();
    expect(text).toContain('vimi_events_total{pipeline="corpus",outcome="delivered",detail=""} 3');
    expect(text).toContain('vimi_events_total{pipeline="corpus",outcome="dropped",detail="duplicate"} 2');
    expect(text).toContain('vimi_in_flight{pipeline="corpus"} 4');
    expect(text).toContain('vimi_lag{pipeline="corpus",partition="0"} 7');
    expect(await (await fetch(url.replace('metrics', 'health'))).text()).toBe('ok\n');
    expect((await fetch(url.replace('metrics', 'secrets'))).status).toBe(404);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    stop();
  });

  it.each([
    ['refuses', () => Promise.reject(new Error('the log is away'))],
    ['does not answer', () => new Promise<never>(() => {})],
  ])('tells all but what the log knows when the log %s', async (_, ask) => {
    const metrics = createMetrics();
    const behind = vi.fn(ask);
    const stop = metrics.watch('corpus', () => ({
      partitions: 2,
      open: 3,
      waiting: 0,
      maxInFlight: 64,
      troubles: [],
      oldest: new Map(),
      inStep: new Map(),
      behind,
    }));
    metrics.watch('generate', () => ({
      partitions: 1,
      open: 0,
      waiting: 0,
      maxInFlight: 8,
      troubles: [],
      oldest: new Map(),
      inStep: new Map(),
      behind: async () => new Map([[0, { lag: 7, waiting: 4 }]]),
    }));
    const url = await served(metrics);
    const [text] = await Promise.all([url, url].map(async (one) => (await fetch(one)).text()));
    expect(text).toContain('vimi_in_flight{pipeline="corpus"} 3');
    expect(text).toContain('vimi_lag{pipeline="generate",partition="0"} 7');
    expect(text).not.toContain('vimi_lag{pipeline="corpus"');
    expect(text).toContain('vimi_waiting_events{pipeline="generate",partition="0"} 4');
    expect(behind).toHaveBeenCalled();
    stop();
  });

  it('[streams F13] [streams F14] is not ready while it starts, nor while a pipeline is paused, and says why', async () => {
    const metrics = createMetrics();
    const url = await served(metrics);
    const ask = async () => {
      const answer = await fetch(url.replace('metrics', 'ready'));
      return [answer.status, await answer.text()];
    };
    expect(await ask()).toEqual([503, 'STARTING\nnothing runs yet\n']);
    metrics.expect('generate');
    expect(await ask()).toEqual([503, 'STARTING\ngenerate is starting\n']);
    const troubles: Trouble[] = [];
    const state = {
      partitions: 1,
      open: 3,
      waiting: 0,
      maxInFlight: 64,
      troubles,
      oldest: new Map(),
      inStep: new Map(),
      behind: async () => new Map(),
    };
    const stop = metrics.watch('generate', () => state);
    expect(await ask()).toEqual([200, 'READY\n']);
    troubles.push({ code: 'STORAGE_DENIED', step: 'to', message: 'The token expired', remedy: 'Renew it.' });
    expect(await ask()).toEqual([
      503,
      'UNHEALTHY\ngenerate is paused at to: STORAGE_DENIED: The token expired -> Renew it.\n',
    ]);
    expect(await (await fetch(url)).text()).toContain(
      'vimi_paused{pipeline="generate",code="STORAGE_DENIED",step="to"} 1',
    );
    troubles.pop();
    expect(await ask()).toEqual([200, 'READY\n']);
    expect(await (await fetch(url)).text()).not.toContain('vimi_paused{');
    stop();
  });

  it.each([
    ['GET // HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['GET //metrics HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['GET http:// HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['GET http://[::1/metrics HTTP/1.1\r\nHost: a\r\n\r\n', 200],
    ['GET http://proxy.example/metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n', 200],
    ['GET /%E0%A4%A HTTP/1.1\r\nHost: a\r\n\r\n', 404],
    ['GET /metrics#x HTTP/1.1\r\nHost: a\r\n\r\n', 200],
    ['GET metrics HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['TRACE /metrics HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', undefined],
    ['GET /metrics HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n', 200],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['GET /metrics HTTP/9.9\r\nHost: a\r\n\r\n', 400],
    ['GET /metrics\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['GET /metrics HTTP/1.1\r\nHost: a\r\nX: LONG\r\n\r\n', 431],
    ['GET /LONG HTTP/1.1\r\nHost: a\r\n\r\n', 431],
    ['POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['no HTTP at all\r\n\r\n', 400],
  ])('[safety S3] answers %j, and goes on', async (request, status) => {
    const url = await served(createMetrics());
    const answer = await sent(Number(new URL(url).port), request.replace('LONG', 'x'.repeat(40_000)));
    expect(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]).toBe(status && String(status));
    // What is refused before it is a request is told as all errors are.
    if (status && status >= 400) {
      expect(answer.toLowerCase()).toContain('content-type: application/problem+json');
      const [, body] = answer.split('\r\n\r\n');
      expect(JSON.parse(body!)).toMatchObject({
        status,
        code: expect.stringMatching(/^(HTTP_MALFORMED|ROUTE_UNKNOWN)$/),
      });
    }
    expect((await fetch(url)).status).toBe(200);
  });

  it('[safety S3] goes on when the metrics themselves fail, whatever they throw', async () => {
    const metrics = createMetrics();
    let broken = true;
    const whole = metrics.registry.metrics.bind(metrics.registry);
    metrics.registry.metrics = () => (broken ? Promise.reject(new TypeError('broken')) : whole());
    const url = await served(metrics);
    expect((await fetch(url)).status).toBe(503);
    broken = false;
    expect((await fetch(url)).status).toBe(200);
  });
});
