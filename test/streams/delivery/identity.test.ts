import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NewRecord } from '../../../src/events/record.js';
import { recordId, replayRecord } from '../../../src/events/replay.js';
import { isSettledOrGone } from '../../../src/streams/delivery/settled-record.js';
import { type EmbeddedTransport, openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import {
  bare,
  cancel,
  gatedWork,
  jobOf,
  prepareJobTopics,
  rejectsOf,
  request,
  serve,
  shop,
  statesOf,
} from './job-fixtures.js';
import { readAll, temporaryFolder } from './pipeline-fixtures.js';

/* Requests that are the same in other clothes, and others that only look alike. */

let folder: ReturnType<typeof temporaryFolder>;
let transport: EmbeddedTransport;
let work: ReturnType<typeof gatedWork>;
beforeEach(async () => {
  folder = temporaryFolder();
  transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareJobTopics(transport);
  work = gatedWork();
});
afterEach(async () => {
  await transport.close();
  folder.remove();
});

const drain = async () => (await serve(transport, work, { drain: true })).run;
/** With the headers of `id` and `source`, and any bytes for a value. */
const saying = (id: string, value: string | Buffer): NewRecord => ({ ...request(id), value: Buffer.from(value) });
const structured = (value: object, headers = { 'content-type': Buffer.from('application/cloudevents+json') }) => ({
  ...{ topic: 'requests', key: null, headers, value: Buffer.from(JSON.stringify(value)) },
});

describe('one request', () => {
  it('is the same in any other words of JSON [kind 2 spelling]', async () => {
    const first = '{"prompt":"é fox","frames":8,"guidance":{"text":2,"image":3},"retrieval":{"k":1,"mode":"dense"}}';
    await transport.publish([
      saying('a', first),
      saying(
        'a',
        '\ufeff{"retrieval":{"mode":"dense","k":1.0},"guidance":{"image":3e0,"text":2.0},"frames":8.0,"prompt":"\\u00e9 fox"}',
      ),
      saying('a', first.replace('"frames":8', '"frames":8,"seed":null,"task":null')),
      saying('a', first.replace('"frames":8', '"frames":9,"frames":8')),
      saying('a', Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), Buffer.from(first)])),
    ]);
    expect(await drain()).toEqual({ delivered: 1, rejected: 0, dropped: { 'duplicate-request': 4 } });
  });

  it('is the same in binary and structured mode, whenever and under whatever key it comes [kind 2 modes]', async () => {
    const data = { prompt: 'a fox' };
    const type = 'dev.vimi.generation.requested.v1';
    const whole = { specversion: '1.0', type, source: shop, id: 'a' };
    await transport.publish([
      request('a', { prompt: 'a fox' }),
      structured({ ...whole, data }),
      structured({ ...whole, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') }),
      structured({ ...whole, data: JSON.stringify(data), time: '2020-01-01T00:00:00Z', subject: 'x' }),
      structured({ ...whole, data }, {} as never),
      { ...request('a', { prompt: 'a fox' }), key: Buffer.from('another'), timestamp: 5 },
    ]);
    expect(await drain()).toEqual({ delivered: 1, rejected: 0, dropped: { 'duplicate-request': 5 } });
  });
});

describe('two requests', () => {
  it.each([
    ['with marks that are part of letters, or their own', 'caf\u00e9', 'cafe\u0301'],
    ['of other widths', '\uff21', 'A'],
    ['of other case', 'order-1', 'Order-1'],
    ['of which one has a space', 'order-1', 'order-1 '],
    ['that are one name for a file', 'a/b', 'a-b'],
    ['that are one address', 'a/b', 'a%2Fb'],
    ['that are folders', '..', '...'],
    ['that begin alike', `${'x'.repeat(500)}1`, `${'x'.repeat(500)}2`],
    ['that are one number', '1', '01'],
    ['of which one has a character without width', 'a\u200b', 'a'],
  ])('with ids %s are two [kind 2 alike]', async (_, one, other) => {
    await transport.publish([
      request(one, { prompt: 'x' }),
      request(other, { prompt: 'slow', partition: 0 }),
      cancel(other, { partition: 1 }),
    ]);
    const run = await drain();
    expect(run).toMatchObject({ delivered: 1, rejected: 0 });
    expect((await statesOf(transport, jobOf(one))).at(-1)).toBe('completed');
    expect((await statesOf(transport, jobOf(other))).at(-1)).toBe('cancelled');
    // Also where a file system knows no case.
    expect(jobOf(one).toLowerCase()).not.toBe(jobOf(other).toLowerCase());
  });

  it('from sources that look alike are two [kind 2 alike]', async () => {
    const shops = ['https://a.example', 'https://a.example/', 'HTTPS://a.example', 'https://a.example/1', '/a', 'a'];
    await transport.publish(shops.map((source) => request('1', { source, prompt: 'x' })));
    expect(await drain()).toEqual({ delivered: shops.length, rejected: 0, dropped: {} });
  });
});

describe('what is no id', () => {
  it('is rejected alone, and again when it is replayed [kind 2 no id]', async () => {
    const bad: Record<string, Buffer>[] = [
      ...['', 'a\nb', 'a\0b', '\u001b[2Ja', 'a\u0085b', 'x'.repeat(513)].map((id) => ({ ce_id: Buffer.from(id) })),
      { ce_id: Buffer.from([0x61, 0xff]) },
      { ce_id: Buffer.from([0xed, 0xa0, 0xbd]) },
      { ce_source: Buffer.from('x'.repeat(1025)) },
      { ce_source: Buffer.from('') },
    ];
    await transport.publish([request('a'), ...bad.map((headers) => request('b', { headers })), request('c')]);
    expect(await drain()).toEqual({ delivered: 2, rejected: bad.length, dropped: {} });
    const rejects = await rejectsOf(transport);
    expect(new Set(rejects.map(({ error }) => error.code))).toEqual(new Set(['EVENT_INVALID', 'EVENT_MALFORMED']));
    await transport.publish(rejects.map(replayRecord));
    expect(await drain()).toEqual({ delivered: 0, rejected: bad.length, dropped: {} });
  });

  it('cancels nothing, and is rejected [kind 2 no id]', async () => {
    const bad = [{ cancel: 7 }, { cancel: '' }, { cancel: 'x'.repeat(513) }, { cancel: null }, { cancel: ['7'] }];
    await transport.publish([...bad, { cancel: '7', source: '' }].map((data) => bare(data)));
    await transport.publish([request('7', { source: '/requests' })]);
    expect(await drain()).toEqual({ delivered: 1, rejected: 6, dropped: {} });
  });
});

describe('a cancel', () => {
  it('of another source that comes first cancels nothing that comes later [kind 2 early]', async () => {
    await transport.publish([cancel('a', { source: 'https://another.example', partition: 2 })]);
    expect((await drain()).dropped).toEqual({ 'cancel-early': 1 });
    await transport.publish([request('a')]);
    expect(await drain()).toEqual({ delivered: 1, rejected: 0, dropped: {} });
  });

  it('holds for its id, whatever is sent under it later [kind 2 early]', async () => {
    await transport.publish([cancel('a')]);
    await drain();
    for (const prompt of ['a', 'a', 'another']) {
      await transport.publish([request('a', { prompt })]);
      expect(await drain()).toEqual({ delivered: 0, rejected: 0, dropped: { cancelled: 1 } });
    }
    expect(await statesOf(transport, jobOf('a'))).toEqual(['cancelled']);
  });
});

describe('a replay', () => {
  it('of an old reject does nothing to the job that was served under its id since [kind 2 replays]', async () => {
    await transport.publish([request('a', { prompt: ' ' })]);
    await drain();
    const [reject] = await rejectsOf(transport);
    await transport.publish([request('a', { prompt: 'a fox' })]);
    await drain();
    await transport.publish([replayRecord(reject!), replayRecord(reject!)]);
    expect(await drain()).toEqual({ delivered: 0, rejected: 2, dropped: {} });
    expect((await rejectsOf(transport)).map(({ error }) => error.code)).toEqual([
      'PROMPT_EMPTY',
      'REQUEST_ID_TAKEN',
      'REQUEST_ID_TAKEN',
    ]);
    expect(await statesOf(transport, jobOf('a'))).toEqual(['queued', 'failed', 'queued', 'completed']);
  });

  it('of a bare request is that request, once, and is cancelled by its first place [kind 2 replays]', async () => {
    await transport.publish([bare({ prompt: ' ' }, 1)]);
    await drain();
    const [reject] = await rejectsOf(transport);
    const mended = { ...replayRecord(reject!), value: Buffer.from('{"prompt":"a fox"}') };
    await transport.publish([mended, mended]);
    expect(await drain()).toEqual({ delivered: 1, rejected: 0, dropped: { 'duplicate-request': 1 } });
    await transport.publish([bare({ cancel: 'requests-1-0' }, 0)]);
    expect((await drain()).dropped).toEqual({ 'cancel-late': 1 });
    expect((await statesOf(transport, jobOf('requests-1-0', '/requests'))).at(-1)).toBe('completed');
  });
});

describe('a record by its name', () => {
  it('is gone when another has its place, or none: its topic was made anew [kind 2 made anew]', async () => {
    await transport.publish([request('a', { partition: 1 }), request('b', { partition: 1 })]);
    const [a, b] = await readAll(transport, 'requests');
    const input = { group: 'test', from: 'requests' };
    const isGone = (record: string) => isSettledOrGone(transport, input, record);
    expect(await isGone(recordId(a!))).toBe(false);
    expect(await isGone(recordId(b!))).toBe(false);
    expect(await isGone(recordId({ ...a!, timestamp: a!.timestamp - 1 }))).toBe(true);
    expect(await isGone(recordId({ ...a!, offset: 2 }))).toBe(true);
    expect(await isGone(recordId({ ...a!, topic: 'another' }))).toBe(true);
    await drain();
    await vi.waitFor(async () => expect(await isGone(recordId(a!))).toBe(true));
  });
});
