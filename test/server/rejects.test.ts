import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { addKey, keyPath, type Scope } from '../../src/server/keys/key-file.js';
import { never } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

/* Dead letters over HTTP. The tests follow each other. */

let topology: string;
let served: Served;
beforeAll(async () => {
  topology = await ownTopology((text) => text.replace('- admit\n', '- admit: { max_frames: 4 }\n'));
  served = await serve(topology);
  const transport = await served.workspace.transport();
  const long = (n: number) => JSON.stringify({ prompt: `a fox ${n}`, frames: 8 });
  const values = ['{"prompt": \n', '\u0000\u00ff', JSON.stringify({ prompt: '' }), ...[1, 2, 3].map(long)];
  for (const value of values)
    await transport.publish([
      {
        topic: 'requests',
        key: Buffer.from('k'),
        value: Buffer.from(value, 'latin1'),
        headers: { shop: Buffer.from('7') },
      },
    ]);
  const media = JSON.stringify({ uri: join(dirname(topology), 'later.png'), caption: '<b>a fox</b>' });
  await transport.publish([{ topic: 'media', key: null, value: Buffer.from(media), headers: {} }]);
  await drain();
});
afterAll(() => served.close());

const drain = () => runPipelines(served.workspace, served.workspace.topology.pipelines, { drain: true, signal: never });
const list = async (query = '') => (await served.call(`/v1/rejects${query}`)).body;
const codesOf = ({ data }: { data: { errors: { code: string }[] }[] }) =>
  data.map(({ errors }) => errors[0]!.code).sort();

describe('dead letters over HTTP', patient, () => {
  it('are listed, the newest first, with their codes, page by page', async () => {
    const all = await list();
    expect(all.counts).toEqual({ waiting: 7, replayed: 0, dismissed: 0 });
    expect(all.codes[0]).toEqual({ code: 'REQUEST_OVER_LIMIT', waiting: 3 });
    const times = all.data.map(({ rejected_at }: { rejected_at: string }) => Date.parse(rejected_at));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    const one = await list('?code=REQUEST_OVER_LIMIT&limit=2');
    expect([codesOf(one), one.has_more]).toEqual([['REQUEST_OVER_LIMIT', 'REQUEST_OVER_LIMIT'], true]);
    const two = await list(`?code=REQUEST_OVER_LIMIT&limit=2&after=${one.last_id}`);
    expect([codesOf(two), two.has_more]).toEqual([['REQUEST_OVER_LIMIT'], false]);
    expect([...one.data, ...two.data].map(({ about }) => about).sort()).toEqual(['a fox 1', 'a fox 2', 'a fox 3']);
    expect((await list('?since=2999-01-01T00:00:00Z')).data).toEqual([]);
    expect((await list('?code=NOBODYS')).data).toEqual([]);
    expect(await list('?after=nobody')).toMatchObject({ status: 404, code: 'REJECT_NOT_FOUND' });
    expect(await list('?since=yesterday')).toMatchObject({ status: 400, code: 'HTTP_MALFORMED' });
  });

  it('are opened with the record as it came, text or not', async () => {
    const { data } = await list('?limit=100');
    // biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
    const opened: any[] = [];
    for (const { urls } of data) opened.push((await served.call(urls.self)).body);
    const of = (code: string) => opened.filter(({ errors }) => errors[0].code === code);
    const [medium] = of('MEDIA_NOT_FOUND');
    expect(medium).toMatchObject({ status: 'waiting', pipeline: 'corpus', attempts: expect.any(Number) });
    expect(medium.remedy).not.toBe('');
    expect(medium.original).toMatchObject({ topic: 'media', key: null });
    expect(JSON.parse(medium.original.value.text).caption).toBe('<b>a fox</b>');
    const malformed = of('EVENT_MALFORMED').map(({ original }) => original.value);
    expect(malformed).toContainEqual({ text: '{"prompt": \n', encoding: 'text', bytes: 12 });
    expect(malformed).toContainEqual({ text: 'AP8=', encoding: 'base64', bytes: 2 });
    expect(opened.find(({ original }) => original.topic === 'requests').original).toMatchObject({
      key: { text: 'k' },
      headers: { shop: { text: '7' } },
    });
    expect((await served.call('/v1/rejects/requests-0-99999')).body.code).toBe('REJECT_NOT_FOUND');
    expect((await served.call('/v1/rejects/..%2f..%2fetc')).body.code).toBe('REJECT_NOT_FOUND');
  });

  it('are neither replayed nor dismissed by accident', async () => {
    for (const body of [{}, { ids: [] }, { all: false }, { id: 'requests-0-0' }, { all: true, more: 1 }])
      for (const verb of ['replay', 'dismiss'])
        expect(await served.post(`/v1/rejects/${verb}`, body)).toMatchObject({ status: 422 });
    const { status, body } = await served.post('/v1/rejects/replay', { ids: ['requests-0-99999'] });
    expect([status, body.code]).toEqual([404, 'REJECT_NOT_FOUND']);
    expect((await list()).counts.waiting).toBe(7);
  });

  it('are replayed, each once however often it is asked for', async () => {
    const [first] = (await list('?code=REQUEST_OVER_LIMIT')).data;
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await served.post('/v1/rejects/replay', { ids: [first.id] })).body),
    );
    expect(answers.map(({ count }) => count).sort()).toEqual([0, 0, 1]);
    const [done] = answers.filter(({ count }) => count === 1);
    expect(done).toMatchObject({
      passed_over: 0,
      data: [{ id: first.id, replayed_as: expect.stringMatching(/^requests-\d+-\d+$/) }],
    });
    expect((await served.call(first.urls.self)).body.status).toBe('replayed');
    expect(codesOf(await list('?status=replayed'))).toEqual(['REQUEST_OVER_LIMIT']);
    expect((await list()).counts).toEqual({ waiting: 6, replayed: 1, dismissed: 0 });
    const rest = (await served.post('/v1/rejects/replay', { codes: ['REQUEST_OVER_LIMIT'] })).body;
    expect([rest.count, rest.passed_over]).toEqual([2, 1]);
    // Its cause is there still: it is rejected again, as a dead letter of its own.
    await drain();
    expect((await list()).counts).toEqual({ waiting: 7, replayed: 3, dismissed: 0 });
  });

  it('are dismissed, and listed only when asked for', async () => {
    const [one] = (await list('?code=PROMPT_EMPTY')).data;
    expect((await served.post('/v1/rejects/dismiss', { ids: [one.id] })).body).toMatchObject({ count: 1 });
    expect(codesOf(await list('?status=dismissed'))).toEqual(['PROMPT_EMPTY']);
    expect(codesOf(await list('?limit=100'))).not.toContain('PROMPT_EMPTY');
    const { count } = (await served.post('/v1/rejects/dismiss', { all: true })).body;
    expect(count).toBe(6);
    expect((await list()).counts).toEqual({ waiting: 0, replayed: 3, dismissed: 7 });
    expect((await served.post('/v1/rejects/replay', { all: true })).body).toMatchObject({ count: 0, passed_over: 10 });
  });

  it('are for admins alone; the pipelines are for whoever may read', async () => {
    const path = keyPath(dirname(topology), {});
    const key = async (name: string, scopes: Scope[]) => ({
      authorization: `Bearer ${(await addKey(path, name, scopes)).text}`,
    });
    const [reader, admin] = [await key('shop', ['read', 'create', 'cancel', 'corpus']), await key('ops', ['admin'])];
    const other = await serve(topology);
    try {
      for (const refused of [
        other.call('/v1/rejects', { headers: reader }),
        other.call('/v1/rejects/requests-0-0', { headers: reader }),
        other.post('/v1/rejects/replay', { all: true }, reader),
        other.post('/v1/rejects/dismiss', { all: true }, reader),
      ])
        expect(await refused).toMatchObject({ status: 403, body: { code: 'KEY_REFUSED' } });
      expect((await other.call('/v1/rejects', { headers: admin })).status).toBe(200);
      expect((await other.call('/v1/pipelines?over=0', { headers: reader })).status).toBe(200);
      expect((await other.call('/v1/pipelines?over=0')).body.code).toBe('KEY_MISSING');
    } finally {
      await other.close();
    }
  });
});
