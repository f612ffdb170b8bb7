import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

/* Two replicas of one folder. What one of them reads of its log can be held up, as on a machine that is far too busy. */

const topology = await ownTopology();
const one = await serve(topology);
const slow = await serve(topology);
const gate = await gateOf(slow);
afterAll(async () => {
  gate.open();
  await one.close();
  await slow.close();
});

/** Records reach the replica while the gate is open. */
async function gateOf({ workspace }: Served) {
  const transport = await workspace.transport();
  const read = transport.read.bind(transport);
  let opened = Promise.resolve();
  let open = () => {};
  transport.read = async function* (...asked) {
    for await (const record of read(...asked)) {
      await opened;
      yield record;
    }
  };
  return {
    open: () => open(),
    shut() {
      opened = new Promise((resolve) => {
        open = resolve;
      });
    },
  };
}

/** What a stream says until something else than a comment comes. */
async function firstEvent(answer: Response): Promise<string> {
  let text = '';
  for await (const chunk of answer.body!) {
    text += Buffer.from(chunk);
    if (text.includes('data: ')) break;
  }
  return text;
}

describe('a replica that is behind its log', patient, () => {
  let id = '';
  let asked = 0;
  let over = 0;
  beforeAll(async () => {
    id = (await one.post('/v1/videos', { prompt: 'a fox runs' })).body.id;
    asked = (await slow.call(`/v1/videos/${id}`)).body.version;
    gate.shut();
    await one.drain();
    const { body } = await one.call(`/v1/videos/${id}`);
    expect(body.status).toBe('completed');
    over = body.version;
  }, patient.timeout);

  it('says that its answer is old', async () => {
    const old = await slow.call(`/v1/videos/${id}`);
    expect(old).toMatchObject({ status: 200, body: { status: 'queued', version: asked } });
    expect(Number(old.headers.get('age'))).toBeGreaterThan(0);
    const list = await slow.call('/v1/videos');
    expect(list.body.data).toMatchObject([{ id, status: 'queued' }]);
    expect(Number(list.headers.get('age'))).toBeGreaterThan(0);
    const now = await one.call(`/v1/videos/${id}`);
    expect(now.headers.get('age')).toBeNull();
  });

  it('answers whoever has seen something newer with 503, and so whoever asks for what it cannot know', async () => {
    const { body: unheard } = await one.post('/v1/videos', { prompt: 'a boat' });
    const answers = await Promise.all([
      slow.call(`/v1/videos/${id}`, { headers: { 'last-event-id': String(over) } }),
      slow.call(`/v1/videos/${id}/content`),
      slow.post(`/v1/videos/${id}/cancel`, ''),
      slow.call(`/v1/videos/${id}`, { method: 'DELETE' }),
      // It may be there.
      slow.call(`/v1/videos/${unheard.id}`),
    ]);
    for (const { status, body, headers } of answers) {
      expect([status, body.code]).toEqual([503, 'JOBS_BEHIND']);
      expect(headers.get('retry-after')).toBe('5');
    }
  });

  it('has taken a request all the same, and answers 503 only where the same again is the same job', async () => {
    const [keyed, plain] = await Promise.all([
      slow.post('/v1/videos', { prompt: 'a cup' }, { 'idempotency-key': 'cup' }),
      slow.post('/v1/videos', { prompt: 'a kite' }),
    ]);
    expect([keyed.status, keyed.body.code]).toEqual([503, 'JOBS_BEHIND']);
    expect(plain).toMatchObject({ status: 202, body: { status: 'queued', prompt: 'a kite', version: 0 } });
    expect(plain.headers.get('location')).toBe(`/v1/videos/${plain.body.id}`);
    const { body } = await one.call(`/v1/videos/${plain.body.id}`);
    expect(body).toMatchObject({ status: 'queued', prompt: 'a kite' });
  });

  it('says nothing on a stream until it knows more than its client', async () => {
    const address = `${slow.server.url}/v1/videos/${id}/events`;
    const [behind, forged] = await Promise.all(
      [over - 1, 999_999_999].map((version) => fetch(address, { headers: { 'last-event-id': String(version) } })),
    );
    const told = Promise.all([firstEvent(behind!), firstEvent(forged!)]);
    gate.open();
    for (const text of await told) expect(text).toMatch(new RegExp(`^retry: 2000\n\nid: ${over}\nevent: end\n`));
    await vi.waitFor(async () => {
      const now = await slow.call(`/v1/videos/${id}`, { headers: { 'last-event-id': String(over) } });
      expect(now).toMatchObject({ status: 200, body: { version: over } });
      expect(now.headers.get('age')).toBeNull();
    }, patient);
  });
});
