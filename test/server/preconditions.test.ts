import { afterAll, describe, expect, it } from 'vitest';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

const { call, post, drain, close } = await serve(await ownTopology());
afterAll(close);

const tagOf = async (path: string) => (await call(path)).headers.get('etag')!;
const send = async (method: string, path: string, headers: Record<string, string>) => {
  const { status, body } = await call(path, { method, headers });
  return [status, body?.code];
};

describe('conditions of a request', patient, () => {
  it('are the state of a job: nothing is cancelled or deleted that is another one by now', async () => {
    const { id } = (await post('/v1/videos', { prompt: 'a kite' })).body;
    const self = `/v1/videos/${id}`;
    const queued = await tagOf(self);
    expect(queued).toMatch(/^"[0-9a-f]{64}"$/);
    expect(await send('GET', self, { 'if-none-match': queued })).toEqual([304, undefined]);
    expect(await send('HEAD', self, { 'if-none-match': `W/${queued}` })).toEqual([304, undefined]);
    await drain();

    expect(await send('GET', self, { 'if-none-match': queued })).toEqual([200, undefined]);
    for (const [method, path] of [
      ['DELETE', self],
      ['POST', `${self}/cancel`],
      ['GET', self],
    ] as const)
      for (const stale of [queued, 'none', '', `W/${await tagOf(self)}`])
        expect(await send(method, path, { 'if-match': stale })).toEqual([412, 'PRECONDITION_FAILED']);
    expect(await send('DELETE', self, { 'if-none-match': '*' })).toEqual([412, 'PRECONDITION_FAILED']);
    const refused = await call(self, { method: 'DELETE', headers: { 'if-match': queued } });
    expect(refused.body.detail).toContain(await tagOf(self));

    expect(await send('POST', `${self}/cancel`, { 'if-match': await tagOf(self) })).toEqual([200, undefined]);
    expect(await send('DELETE', '/v1/videos/nobody', { 'if-match': queued })).toEqual([404, 'JOB_NOT_FOUND']);
    expect(await send('DELETE', self, { 'if-match': `"other", ${await tagOf(self)}` })).toEqual([200, undefined]);
    expect((await call(self)).status).toBe(404);
  });

  it('hold for bytes, too: a part of another file is not sent', async () => {
    const { id } = (await post('/v1/videos', { prompt: 'a kite' })).body;
    await drain();
    const content = `/v1/videos/${id}/content?variant=thumbnail`;
    expect(await send('GET', content, { 'if-match': '"other"', range: 'bytes=0-9' })).toEqual([
      412,
      'PRECONDITION_FAILED',
    ]);
    const tag = (await call(content, { method: 'HEAD' })).headers.get('etag')!;
    expect(await send('HEAD', content, { 'if-match': tag })).toEqual([200, undefined]);
  });

  it('cannot be met where nothing has an ETag, but for "anything"', async () => {
    const ask = (headers: Record<string, string>) => post('/v1/videos', { prompt: 'a kite' }, headers);
    expect((await ask({ 'if-match': '"any"' })).body.code).toBe('PRECONDITION_FAILED');
    expect((await ask({ 'if-none-match': '*' })).body.code).toBe('PRECONDITION_FAILED');
    expect((await ask({ 'if-match': '*' })).status).toBe(202);
    expect((await ask({ 'if-none-match': '"any"' })).status).toBe(202);
    await drain();
  });
});
