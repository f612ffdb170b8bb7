import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OutcomeTable } from '../../../src/app/outcomes/outcome-table.js';
import { encodeEvent } from '../../../src/events/cloudevents.js';
import type { ClipSettled } from '../../../src/events/schemas.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { testFolder } from '../../media/make-media.js';

const work = join(await testFolder(), 'work');
let now = Date.parse('2026-11-30T12:00:00Z');
const transport = openEmbedded({ path: ':memory:', clock: { now: () => now } as never });

function clip(uri: string, part: number, event = 'first', changes: Partial<ClipSettled> = {}) {
  const digest = String(part).repeat(64).slice(0, 64);
  const data = {
    ...{ uri, event, record: 'media.of-a-team-0-7', part: part === 0 ? '' : `${part}` },
    clip: {
      ...{ kind: 'clip' as const, start: 2 * part, duration: 2, frames: 24, fps: 12, width: 160, height: 120 },
      ...{ object: digest, keyframe: digest },
    },
    ...{ scores: { motion: part / 10 }, outcome: 'delivered' as const },
    ...changes,
  };
  const key = `${uri}#${part}`;
  return {
    ...encodeEvent({ schema: 'clip.settled', id: `${key} ${event}`, source: '/t', topic: 'clips', key, data }),
    timestamp: now,
  };
}
const read = () => OutcomeTable.read(transport, { clips: 'clips', media: 'outcomes' }, work);
const places = (table: OutcomeTable, uri?: string) =>
  [...table.clips(uri)].map(({ uri: of, part }) => `${of}#${part || '0'}`);

beforeAll(async () => {
  await transport.ensureTopics(
    ['clips', 'outcomes'].map((name) => ({ name, partitions: 1, cleanup: 'compact' as const })),
  );
  await transport.publish([
    ...[2, 0, 1].map((part) => clip('b', part)),
    ...[0, 1].map((part) => clip('a', part)),
    { topic: 'clips', key: Buffer.from('x'), value: Buffer.from('a stranger’s'), headers: {} },
    { ...clip('gone', 0) },
    { topic: 'clips', key: Buffer.from('gone#0'), value: null, headers: {} },
    encodeEvent({
      ...{ schema: 'media.settled', id: 'm', source: '/t', topic: 'outcomes', key: 'a' },
      data: { uri: 'a', event: 'first', outcome: 'delivered', parts: { delivered: 2, rejected: {}, dropped: {} } },
    }),
  ]);
});
afterAll(() => transport.close());

describe('the table of outcomes', () => {
  it('has the clips of each medium in their order, and finds each', async () => {
    const table = await read();
    expect(places(table)).toEqual(['a#0', 'a#1', 'b#0', 'b#1', 'b#2']);
    expect(places(table, 'b')).toEqual(['b#0', 'b#1', 'b#2']);
    expect(places(table, 'c')).toEqual([]);
    expect(table.clipOf('b', '1')?.scores).toEqual({ motion: 0.1 });
    // Names of samples have no dots.
    expect(table.clipOfSample('media_of-a-team-0-000000000007-2')?.part).toBe('2');
    expect(table.clipOfSample('nothing')).toBeNull();
    expect(table.medium('a')).toMatchObject({ outcome: 'delivered' });
    expect([table.knows('a'), table.knows('b'), table.knows('gone')]).toEqual([true, true, false]);
    expect([...table.mediaCounts()]).toEqual([['delivered', 1]]);
    expect(table.mediaWithClips()).toBe(2);
    expect(readdirSync(work).some((name) => name.startsWith('outcomes.'))).toBe(true);
    await table.close();
    expect(readdirSync(work).some((name) => name.startsWith('outcomes.'))).toBe(false);
  });

  it('counts a medium that came again as delivered: the corpus has it', async () => {
    const parts = { delivered: 0, rejected: {}, dropped: { duplicate: 1 } };
    const again = (uri: string, duplicate_of: string) =>
      encodeEvent({
        ...{ schema: 'media.settled', id: `${uri} again`, source: '/t', topic: 'outcomes', key: uri },
        data: { uri, event: 'again', outcome: 'dropped', parts, duplicate_of },
      });
    await transport.publish([again('a', 'a'), again('copy', 'a')]);
    const table = await read();
    expect(Object.fromEntries(table.mediaCounts())).toEqual({ delivered: 1, dropped: 1 });
    await table.close();
  });

  it('has only the clips of the last time of a medium that was cut another way', async () => {
    now += 1000;
    await transport.publish([clip('b', 0, 'second')]);
    const table = await read();
    expect(places(table)).toEqual(['a#0', 'a#1', 'b#0']);
    await table.close();
  });

  it('reads more than a page', async () => {
    await transport.publish(Array.from({ length: 2500 }, (_, part) => clip('long', part)));
    const table = await read();
    expect(places(table, 'long')).toEqual(Array.from({ length: 2500 }, (_, part) => `long#${part}`));
    expect(places(table)).toHaveLength(2503);
    await table.close();
    expect(existsSync(work)).toBe(true);
  });
});
