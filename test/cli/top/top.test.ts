import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookOf } from '../../../src/app/looks/look.js';
import { metricSamples } from '../../../src/app/looks/prometheus-text.js';
import { modelRows, quantile, rowsOf } from '../../../src/app/looks/rows.js';
import { createModelMetrics, type ModelState } from '../../../src/app/model-metrics.js';
import { type TopOptions, top } from '../../../src/cli/commands/top.js';
import { modelTable, table } from '../../../src/cli/top/table.js';
import { createMetrics } from '../../../src/streams/delivery/metrics.js';

/** A process whose pipeline p has done so much. */
function running(times: { embed: number[]; retrieve: number[] }, more: { lag?: number; inFlight?: number } = {}) {
  const metrics = createMetrics();
  metrics.watch('p', () => ({
    ...{ partitions: 1, open: more.inFlight ?? 0, waiting: 0, maxInFlight: 16, troubles: [] },
    oldest: new Map([['retrieve', 4]]),
    inStep: new Map([
      ['embed', 0],
      ['retrieve', more.inFlight ?? 0],
    ]),
    behind: async () => new Map([[0, { lag: more.lag ?? 0, waiting: (more.inFlight ?? 0) + (more.lag ?? 0) }]]),
  }));
  const add = (step: 'embed' | 'retrieve', seconds: number[]) => {
    for (const one of seconds) metrics.stepSeconds.observe({ pipeline: 'p', step }, one);
  };
  add('embed', times.embed);
  add('retrieve', times.retrieve);
  metrics.countOutcomes('p', { delivered: times.retrieve.length, rejected: 0, dropped: {} });
  return { metrics, add };
}

describe('the text of metrics', () => {
  it('is read as it was meant, with labels of any kind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1e6 }), async (code, times) => {
        const { metrics } = running({ embed: [], retrieve: [] });
        metrics.rejected.inc({ pipeline: 'p', code, step: 's' }, times);
        const found = [...metricSamples(await metrics.registry.metrics())].filter(
          ({ name }) => name === 'vimi_rejects_total',
        );
        expect(found).toEqual([
          { name: 'vimi_rejects_total', labels: { pipeline: 'p', code, step: 's' }, value: times },
        ]);
      }),
    );
  });

  it.each(['', 'nonsense', 'a{b="c} 1', 'a NaN', '# HELP a b\n# TYPE a counter', 'a{b="\\', '{'.repeat(5000)])(
    'is left out where it is no sample: %j',
    (text) => expect([...metricSamples(text)]).toEqual([]),
  );
});

describe('rows between two looks', () => {
  it('have rates, events in flight, and times of what happened in between alone', async () => {
    const { metrics, add } = running({ embed: [0.2], retrieve: [50, 50, 50] }, { lag: 7, inFlight: 3 });
    const before = lookOf(0, await metrics.registry.metrics());
    add(
      'embed',
      Array.from({ length: 99 }, () => 0.05),
    );
    add('embed', [3]);
    metrics.countOutcomes('p', { delivered: 10, rejected: 0, dropped: { duplicate: 10 } });
    const now = lookOf(10_000, await metrics.registry.metrics());
    const [row] = rowsOf([{ before, now }]);
    expect(row).toMatchObject({
      ...{ pipeline: 'p', rate: 2, delivered: 13, dropped: 10, rejected: 0 },
      ...{ in_flight: 3, max_in_flight: 16, lag: 7, waiting: 10, paused: [] },
    });
    const [embed, retrieve] = row!.steps;
    expect(embed).toMatchObject({ step: 'embed', rate: 10, in_flight: 0 });
    expect(embed!.p50).toBeGreaterThan(0.01);
    expect(embed!.p50).toBeLessThan(0.1);
    expect(embed!.p99).toBeCloseTo(0.1, 9);
    expect(retrieve).toMatchObject({ step: 'retrieve', rate: 0, in_flight: 3, p50: null, p99: null, oldest: 4 });
    expect(rowsOf([{ before, now }], 'in_flight')[0]!.steps.map(({ step }) => step)).toEqual(['retrieve', 'embed']);
  });

  it('are summed over processes, and begin anew with one that was started again', async () => {
    const one = running({ embed: [1], retrieve: [1, 1, 1, 1] }, { lag: 2 });
    const other = running({ embed: [], retrieve: [1] }, { lag: 5, inFlight: 2 });
    const seen = async (at: number, { metrics }: typeof one) => lookOf(at, await metrics.registry.metrics());
    const [begun, first, second] = [lookOf(0, ''), await seen(1000, one), await seen(1000, other)];
    expect(
      rowsOf([
        { before: begun, now: first },
        { before: begun, now: second },
      ])[0],
    ).toMatchObject({ delivered: 5, lag: 7, in_flight: 2, rate: 5 });
    // One of them began anew, and did one more; the other did nothing.
    const restarted = running({ embed: [1], retrieve: [1] });
    const [row] = rowsOf([
      { before: first, now: await seen(2000, restarted) },
      { before: second, now: await seen(2000, other) },
    ]);
    expect(row).toMatchObject({ delivered: 2, rate: 1 });
    expect(row!.steps.find(({ step }) => step === 'retrieve')).toMatchObject({ rate: 1 });
    // One that is away takes nothing from what the other did; and of one that was not seen before, nothing is known.
    expect(rowsOf([{ before: second, now: await seen(2000, other) }])[0]).toMatchObject({ delivered: 1, rate: 0 });
    expect(rowsOf([{ now: first }])[0]).toMatchObject({ delivered: 4, rate: 0 });
  });

  it('are in the order of names, with the dead letters of each step', async () => {
    const { metrics } = running({ embed: [1], retrieve: [1] });
    metrics.countOutcomes('b', { delivered: 1, rejected: 0, dropped: {} });
    metrics.countOutcomes('a', { delivered: 1, rejected: 0, dropped: {} });
    metrics.rejected.inc({ pipeline: 'p', code: 'PROMPT_EMPTY', step: 'embed' }, 3);
    metrics.rejected.inc({ pipeline: 'p', code: 'PROMPT_TOO_LONG', step: 'embed' }, 2);
    const rows = rowsOf([{ now: lookOf(0, await metrics.registry.metrics()) }], 'rejected');
    expect(rows.map(({ pipeline }) => pipeline)).toEqual(['a', 'b', 'p']);
    expect(rows[2]!.steps.map(({ step, rejected }) => [step, rejected])).toEqual([
      ['embed', 5],
      ['retrieve', 0],
    ]);
    // Also where nothing flows.
    expect(table([{ ...rows[2]!, jobs: null }])).toMatch(/ embed .* 5\n/);
  });

  it('of models are summed over processes, their busy time as a mean', async () => {
    const state: ModelState = {
      ...{ model: 'nano', backend: 'onnx', device: '', weights: 'a1', server: '' },
      ...{ drawing: 1, waiting: 2, atOnce: 2, busySeconds: 5 },
    };
    const at = async (ms: number, ...states: Partial<ModelState>[]) => {
      const registry = new Registry();
      const { show } = createModelMetrics(registry);
      for (const one of states) show(() => ({ ...state, ...one }));
      return lookOf(ms, await registry.metrics());
    };
    const rows = modelRows([
      { before: await at(0, {}), now: await at(4000, { busySeconds: 9 }) },
      // It began anew in between, and has another model besides.
      {
        before: await at(0, {}),
        now: await at(4000, { backend: 'wasm', busySeconds: 1, waiting: 0 }, { model: 'big', server: 'http://m' }),
      },
    ]);
    expect(rows).toEqual([
      {
        ...{ model: 'big', backends: ['onnx'], devices: [], weights: ['a1'], servers: ['http://m'] },
        ...{ drawing: 1, waiting: 2, at_once: 2, busy: 1 },
      },
      {
        ...{ model: 'nano', backends: ['onnx', 'wasm'], devices: [], weights: ['a1'], servers: [] },
        ...{ drawing: 2, waiting: 2, at_once: 4, busy: (1 + 0.25) / 2 },
      },
    ]);
    expect(modelTable(rows)).toMatch(/^ {2}big +at http:\/\/m, onnx +a1 +1 +2 +2 +100 %$/m);
    expect(modelTable([])).toBe('');
  });

  it.each([
    [
      0.5,
      [
        [1, 0],
        [Number.POSITIVE_INFINITY, 0],
      ],
      null,
    ],
    [
      0.5,
      [
        [1, 10],
        [2, 10],
        [Number.POSITIVE_INFINITY, 10],
      ],
      0.5,
    ],
    [
      0.99,
      [
        [1, 50],
        [2, 100],
        [Number.POSITIVE_INFINITY, 100],
      ],
      1.98,
    ],
    [
      0.99,
      [
        [1, 0],
        [Number.POSITIVE_INFINITY, 10],
      ],
      1,
    ],
  ] as [number, [number, number][], number | null][])('have the %d quantile of %j', (q, buckets, expected) => {
    if (expected === null) expect(quantile(q, buckets)).toBeNull();
    else expect(quantile(q, buckets)).toBeCloseTo(expected, 9);
  });

  it('are a table that people read', async () => {
    const { metrics } = running({ embed: [0.05], retrieve: [] }, { lag: 7, inFlight: 3 });
    const rows = rowsOf([{ before: lookOf(0, ''), now: lookOf(1000, await metrics.registry.metrics()) }]);
    const text = table(rows.map((row) => ({ ...row, jobs: null })));
    expect(text).toMatch(/^p {2}0\/s, in flight 3 of 16, 7 waiting; 0 delivered, 0 rejected, 0 dropped$/m);
    expect(text).toMatch(/^ {2}step +rate +in flight +p50 +p99 +oldest +rejected$/m);
    expect(text).toMatch(/^ {2}embed +1\/s +0 +\d+ ms +\d+ ms +– +0$/m);
    expect(text).toMatch(/^ {2}retrieve +0\/s +3 +– +– +4 s +0$/m);
  });

  it('say idle only of a pipeline with nothing in flight, and nothing of the steps where a pause says why', async () => {
    const { metrics } = running({ embed: [], retrieve: [] });
    const [row] = rowsOf([{ before: lookOf(0, ''), now: lookOf(1000, await metrics.registry.metrics()) }]);
    const shown = (more: object) => table([{ ...row!, jobs: null, ...more }]);
    expect(shown({})).toContain('  idle\n');
    expect(shown({ in_flight: 2 })).toMatch(/^ {2}retrieve +0\/s +0/m);
    const paused = shown({ in_flight: 2, paused: ['STORAGE_FULL at to'] });
    expect(paused).toContain('PAUSED STORAGE_FULL at to');
    expect(paused).not.toMatch(/idle|retrieve/);
  });
});

describe('vimi top', () => {
  let server: Server;
  let address: string;
  const process = running({ embed: [0.05], retrieve: [1] }, { inFlight: 1 });

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      if (request.url === '/metrics') response.end(await process.metrics.registry.metrics());
      else if (request.url === '/away') response.writeHead(302, { location: '/metrics' }).end();
      else if (request.url === '/many') response.end('x'.repeat(9 * 1024 * 1024));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const shown = async (addresses: string[], options: Partial<TopOptions> = {}) => {
    const out = new PassThrough();
    const printed = text(out);
    const { signal } = new AbortController();
    await top(addresses, { intervalMs: 1, count: 1, redraws: false, signal, ...options }, out).finally(() => out.end());
    return printed;
  };

  it('shows what a process serves, as tables or as JSON', async () => {
    expect(await shown([address], { count: 2 })).toMatch(/^p {2}.*\n( {2}.*\n){3}\np {2}/);
    const [line] = (await shown([`http://${address}`], { json: true })).split('\n');
    expect(JSON.parse(line!).pipelines[0]).toMatchObject({ pipeline: 'p', in_flight: 1, max_in_flight: 16 });
    expect(JSON.parse((await shown([address], { json: true, pipeline: ['q'] })).split('\n')[0]!).pipelines).toEqual([]);
  });

  it('names a pipeline that does not run there, and those that do', async () => {
    expect(await shown([address], { pipeline: ['q'] })).toMatch(/^no pipeline 'q' runs there.*: p$/m);
    expect(await shown([address], { pipeline: ['p'] })).not.toContain('no pipeline');
  });

  it('shows the others where one of several does not answer, and names it', async () => {
    const printed = await shown([address, '127.0.0.1:1']);
    expect(printed).toMatch(/^127\.0\.0\.1:1 is left out: No process answers there/);
    expect(printed).toMatch(/^p {2}/m);
    const [line] = (await shown([address, '127.0.0.1:1'], { json: true })).split('\n');
    expect(JSON.parse(line!)).toMatchObject({ silent: ['127.0.0.1:1'], pipelines: [{ pipeline: 'p' }] });
  });

  it.each([
    ['a b', 'Not an address of a process'],
    ['127.0.0.1:1', 'No process answers there'],
  ])('of %j says what is wrong', async (wrong, message) => {
    await expect(shown([wrong])).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
  });

  it.each([
    ['/nothing', 'What answers there has no metrics'],
    ['/away', 'What answers there has no metrics'],
    ['/many', 'No process answers there'],
  ])('believes no answer like that of %s', async (path, message) => {
    await expect(shown([`http://${address}${path}`])).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });

  it('ends when it is interrupted', async () => {
    const controller = new AbortController();
    const ended = shown([address], { count: undefined, intervalMs: 3_600_000, signal: controller.signal });
    controller.abort();
    expect(await ended).toBe('');
  });
});
