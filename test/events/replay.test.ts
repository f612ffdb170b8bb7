import { describe, expect, it } from 'vitest';
import { decodeEvent } from '../../src/events/cloudevents.js';
import { replayOf, replayRecord } from '../../src/events/replay.js';
import type { EventRejected } from '../../src/events/schemas.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function rejected(headers: Record<string, string>, value: string | null, key: string | null = 'k'): EventRejected {
  const encoded = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, base64(text)]));
  return {
    origin: {
      ...{ topic: 'requests', partition: 3, offset: 42, timestamp: '2026-01-31T12:00:00.000Z', headers: encoded },
      key: key === null ? null : base64(key),
      value: value === null ? null : base64(value),
    },
    ...{ part: '', pipeline: 'generate', step: 'admit', attempts: 1 },
    error: { code: 'PROMPT_EMPTY', message: '', remedy: '' },
  };
}
const text = (headers: Record<string, Buffer>) =>
  Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()]));
const idOf = (record: ReturnType<typeof replayRecord>) =>
  decodeEvent({ ...record, partition: 1, offset: 7, timestamp: 0 }, ['generation.requested']).id;

describe('a replayed record', () => {
  it('has the bytes of the rejected one, says which that was, and keeps its id', () => {
    const record = replayRecord(rejected({ other: 'x' }, '{"prompt": "a fox"}'));
    expect(record).toMatchObject({
      topic: 'requests',
      key: Buffer.from('k'),
      value: Buffer.from('{"prompt": "a fox"}'),
    });
    expect(text(record.headers)).toEqual({ other: 'x', ce_id: 'requests-3-42', ce_replayof: 'requests-3-42' });
    expect(replayOf(record)).toBe('requests-3-42');
    expect(idOf(record)).toBe('requests-3-42');
  });

  it('keeps the id that its sender gave it', () => {
    expect(idOf(replayRecord(rejected({ ce_id: 'order-66' }, '{"prompt": "a fox"}')))).toBe('order-66');
    expect(text(replayRecord(rejected({ CE_ID: 'order-66' }, '{}')).headers)).not.toHaveProperty('ce_id');
    const structured = { specversion: '1.0', id: 'order-67', source: '/shop', data: { prompt: 'a fox' } };
    const headers = { 'content-type': 'application/cloudevents+json' };
    expect(idOf(replayRecord(rejected(headers, JSON.stringify(structured))))).toBe('order-67');
  });

  it('names the last one that was rejected, of a replay that was replayed', () => {
    const record = replayRecord(
      rejected({ ce_id: 'requests-0-1', ce_replayof: 'requests-0-1' }, '{"prompt": "a fox"}'),
    );
    expect([replayOf(record), idOf(record)]).toEqual(['requests-3-42', 'requests-0-1']);
  });

  it('may have neither key nor value', () => {
    expect(replayRecord(rejected({}, null, null))).toMatchObject({ key: null, value: null });
    expect(replayOf({ headers: {} })).toBeNull();
  });
});
