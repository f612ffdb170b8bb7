import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTelemetry } from '../../src/app/telemetry/open-telemetry.js';
import { VimiError } from '../../src/core/errors.js';
import { decodeEvent } from '../../src/events/cloudevents.js';
import type { StoredRecord } from '../../src/events/record.js';
import type { MediaAdded } from '../../src/events/schemas.js';
import { openApp } from '../../src/server/app.js';
import { traceRequests } from '../../src/server/traced.js';
import { memoryObjects } from '../../src/stores/objects/memory.js';
import type { ObjectStore } from '../../src/stores/objects/object-store.js';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import {
  eachMedia,
  media,
  prepareTopics,
  productOf,
  quietLog,
  resourcesWith,
  spec,
  temporaryFolder,
} from '../streams/delivery/pipeline-fixtures.js';

/** As OTLP has it in JSON. */
interface OtlpSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  links?: { traceId: string; spanId: string }[];
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  status: { code?: number; message?: string };
}

const attributesOf = ({ attributes }: Pick<OtlpSpan, 'attributes'>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

let collector: Server;
let env: Record<string, string>;
let spans: OtlpSpan[];
let service: Record<string, unknown>;
const before = { ...process.env };
beforeEach(async () => {
  spans = [];
  service = {};
  collector = createServer(async (request, response) => {
    const body = JSON.parse(await text(request));
    for (const { resource, scopeSpans } of body.resourceSpans) {
      service = attributesOf(resource);
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' };
  Object.assign(process.env, env);
});
afterEach(async () => {
  process.env = { ...before };
  collector.close();
});

async function traced(
  given: ReturnType<typeof media>[],
  work: (media: MediaAdded, objects: ObjectStore) => ReturnType<Parameters<typeof eachMedia>[0]>,
  store: ObjectStore = memoryObjects(),
) {
  const folder = temporaryFolder();
  const transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareTopics(transport, 1);
  await transport.publish(given);
  const telemetry = (await openTelemetry(env, '1.2.3'))!;
  const objects = telemetry.ofObjects(store);
  // Outside of any event: no span.
  await objects.stat('nothing');
  const pipeline = spec([eachMedia((data) => work(data, objects))]);
  await runPipeline(pipeline, {
    transport,
    resources: resourcesWith({ objects }),
    signal: new AbortController().signal,
    drain: true,
    log: quietLog,
    spans: telemetry.ofPipeline({ name: 'test', from: 'in', group: 'g', system: 'vimi' }),
  });
  await telemetry.close();
  const out: StoredRecord[] = [];
  for await (const record of transport.read('out')) out.push(record);
  await transport.close();
  folder.remove();
  return out;
}

const caller = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };
const withTrace = (record: ReturnType<typeof media>) => ({
  ...record,
  headers: { ...record.headers, traceparent: Buffer.from(`00-${caller.trace}-${caller.span}-01`) },
});

describe('traces', () => {
  it('show an event from what asked for it to what came of it', async () => {
    const out = await traced([withTrace(media('a'))], async ({ uri }) => productOf(uri));
    const named = (name: string) => spans.find((span) => span.name === name)!;
    const [process, step, to] = [named('process in'), named('test.work'), named('test.to')];
    expect(service).toMatchObject({
      'service.name': 'vimi',
      'service.version': '1.2.3',
      'deployment.environment.name': 'test',
    });
    expect(process).toMatchObject({ traceId: caller.trace, parentSpanId: caller.span });
    expect(attributesOf(process)).toMatchObject({
      'messaging.system': 'vimi',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'in',
      'messaging.destination.partition.id': '0',
      'messaging.consumer.group.name': 'g',
      'messaging.kafka.offset': 0,
      'vimi.pipeline': 'test',
      'vimi.outcome': 'delivered',
    });
    for (const child of [step, to])
      expect(child).toMatchObject({ traceId: caller.trace, parentSpanId: process.spanId });
    // What came of it is a child of this work, not of who asked.
    const [event] = out.map((record) => decodeEvent(record, ['job.changed']));
    expect(event!.traceparent).toBe(`00-${caller.trace}-${process.spanId}-01`);
    expect(named('receive in').links).toMatchObject([{ traceId: caller.trace, spanId: caller.span }]);
    expect(named('commit in').links).toMatchObject([{ traceId: caller.trace, spanId: process.spanId }]);
    expect(attributesOf(named('commit in'))).toMatchObject({
      'messaging.operation.name': 'commit',
      'messaging.kafka.offset': 1,
    });
  });

  it('have the calls of the object store below the step that made them, and no others', async () => {
    const objects = memoryObjects();
    await traced(
      [media('a')],
      async ({ uri }, store) => {
        await store.put(`kept/${uri}`, Buffer.from('x'), { mediaType: 'text/plain' });
        return productOf(uri);
      },
      objects,
    );
    const step = spans.find(({ name }) => name === 'test.work')!;
    const calls = spans.filter(({ name }) => name.startsWith('object '));
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ name: 'object put', traceId: step.traceId, parentSpanId: step.spanId });
    expect(attributesOf(calls[0]!)).toMatchObject({ 'vimi.object.key': 'kept/a' });
    expect((await objects.get('kept/a')).toString()).toBe('x');
  });

  it('say why an event was rejected, once for each try', async () => {
    await traced([media('a')], async () => {
      throw new VimiError('MEDIA_DAMAGED', 'No film');
    });
    for (const name of ['process in', 'test.work']) {
      const span = spans.find((one) => one.name === name)!;
      expect(span.status).toEqual({ code: 2, message: 'No film' });
      expect(attributesOf(span)['error.type']).toBe('MEDIA_DAMAGED');
    }
  });

  it('begin with the request over HTTP that asked, where one did', async () => {
    const telemetry = (await openTelemetry(env, '1'))!;
    const app = await openApp({ log: quietLog, version: '1' });
    traceRequests(app, telemetry);
    let seen: unknown;
    app.get('/v1/videos/:id', { schema: { hide: true } }, async (request, reply) => {
      seen = request.headers.traceparent;
      return reply.code(request.url.includes('/x') ? 200 : 503).send('');
    });
    app.get('/health', { schema: { hide: true } }, async () => '');
    const traceparent = `00-${caller.trace}-${caller.span}-01`;
    await app.inject({ url: '/v1/videos/x?secret=1', headers: { traceparent } });
    await app.inject({ url: '/v1/videos/y' });
    await app.inject({ url: '/health' });
    await app.close();
    await telemetry.close();
    expect(spans.map(({ name }) => name)).toEqual(['GET /v1/videos/:id', 'GET /v1/videos/:id']);
    const [one, other] = spans as [OtlpSpan, OtlpSpan];
    expect(one).toMatchObject({ traceId: caller.trace, parentSpanId: caller.span });
    expect(attributesOf(one)).toEqual({
      'http.request.method': 'GET',
      'http.route': '/v1/videos/:id',
      'http.response.status_code': 200,
    });
    expect(one.status.code).not.toBe(2);
    expect(other.status.code).toBe(2);
    expect(seen).toBe(`00-${other.traceId}-${other.spanId}-01`);
  });

  it('are off where nobody asks, or somebody says so', async () => {
    expect(await openTelemetry({}, '1')).toBeUndefined();
    expect(await openTelemetry({ ...env, OTEL_SDK_DISABLED: 'true' }, '1')).toBeUndefined();
    expect(await openTelemetry({ ...env, OTEL_TRACES_EXPORTER: 'none' }, '1')).toBeUndefined();
  });

  it('hold nothing up when the collector is away', async () => {
    collector.close();
    collector.closeAllConnections();
    const out = await traced([media('a')], async ({ uri }) => productOf(uri));
    expect(out).toHaveLength(1);
  });
});
