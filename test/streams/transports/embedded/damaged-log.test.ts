import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../../../src/core/errors.js';
import { SqliteFile } from '../../../../src/core/sqlite.js';
import type { StoredRecord } from '../../../../src/events/record.js';
import { type EmbeddedTransport, openEmbedded } from '../../../../src/streams/transports/embedded/open-embedded.js';
import type { Transport } from '../../../../src/streams/transports/transport.js';
import { temporaryFolder } from '../../delivery/pipeline-fixtures.js';

const folder = temporaryFolder();
const whole = join(folder.path, 'whole.sqlite');
const path = join(folder.path, 'log.sqlite');
let original: StoredRecord[];
afterAll(() => folder.remove());

async function readTopics(transport: Transport): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const topic of ['requests', 'jobs'])
    for await (const record of transport.read(topic)) {
      records.push(record);
      if (records.length > 2000) throw new Error('it reads for ever');
    }
  return records;
}

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

beforeAll(async () => {
  const transport = openEmbedded({ path: whole });
  await transport.ensureTopics([
    { name: 'requests', partitions: 3, cleanup: 'delete' },
    { name: 'jobs', partitions: 1, cleanup: 'compact' },
  ]);
  await transport.publish(
    Array.from({ length: 300 }, (_, n) => ({
      topic: n % 3 === 0 ? 'jobs' : 'requests',
      key: Buffer.from(`key-${n % 40}`),
      value: Buffer.from(JSON.stringify({ prompt: `a fox number ${n} `.repeat(1 + (n % 30)) })),
      headers: { ce_id: Buffer.from(`id-${n}`), traceparent: Buffer.from('00-0af7651916cd43dd8448eb211c80319c-01') },
    })),
  );
  await taken(transport);
  // What retention and compaction take later is no damage.
  await transport.clean();
  original = await readTopics(transport);
  await transport.close();
  // All of it in one file.
  const file = new SqliteFile(whole);
  file.exec('VACUUM');
  file.pragma('wal_checkpoint(TRUNCATE)');
  file.close();
});

/** Consumes one batch of each partition and commits behind it. */
async function taken(transport: Transport): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  const works: Promise<void>[] = [];
  let failure: Error | undefined;
  const consumer = await transport.consume({
    group: 'readers',
    topics: ['requests'],
    drainMs: 1000,
    onAssigned(assigned) {
      const stop = new AbortController();
      setImmediate(() => setImmediate(() => stop.abort()));
      works.push(
        assigned.take(20, stop.signal).then(async (batch) => {
          records.push(...batch);
          const last = batch.at(-1);
          if (last) await assigned.commit([], { offset: last.offset + 1, metadata: 'vimi1 {}' });
        }),
      );
    },
    onRevoked: async () => undefined,
    onError: (error) => {
      failure = error;
    },
  });
  const results = await Promise.allSettled(works);
  await consumer.close();
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  if (failure) throw failure;
  return records;
}

const kinds: [string, (bytes: Buffer, random: (below: number) => number) => Buffer][] = [
  [
    'a bit that is flipped',
    (bytes, random) => {
      bytes[random(bytes.length)]! ^= 1 << random(8);
      return bytes;
    },
  ],
  [
    'a byte of a record',
    (bytes, random) => {
      const at = bytes.indexOf('a fox number', random(bytes.length - 4096));
      bytes[Math.max(0, at) + random(12)]! ^= 1 + random(255);
      return bytes;
    },
  ],
  ['a stretch of zeros', (bytes, random) => bytes.fill(0, random(bytes.length), random(bytes.length))],
  [
    'a page of noise',
    (bytes, random) => {
      const page = 4096 * random(bytes.length / 4096);
      for (let n = 0; n < 4096; n++) bytes[page + n] = random(256);
      return bytes;
    },
  ],
  [
    'a page that is a copy of another',
    (bytes, random) => {
      const pages = bytes.length / 4096;
      bytes.copy(bytes, 4096 * random(pages), 4096 * random(pages), 4096 * random(pages) + 4096);
      return bytes;
    },
  ],
  [
    'numbers in the head of a page',
    (bytes, random) => {
      const page = 4096 * (1 + random(bytes.length / 4096 - 1));
      for (let n = 0; n < 3; n++) bytes[page + random(40)] = random(256);
      return bytes;
    },
  ],
  ['an end that is missing', (bytes, random) => bytes.subarray(0, random(bytes.length))],
  [
    'numbers in the head of the file',
    (bytes, random) => Buffer.concat([noisy(bytes.subarray(0, 100), random), bytes.subarray(100)]),
  ],
  [
    'a word of the tables',
    (bytes, random) => {
      const words = ['CREATE', 'records', 'requests', 'INTEGER', 'readers', 'delete', 'compact'];
      const at = bytes.indexOf(words[random(words.length)]!);
      if (at >= 0) bytes[at + random(5)] = 33 + random(90);
      return bytes;
    },
  ],
  ['text at its begin', (bytes) => Buffer.concat([Buffer.from('this is no log'), bytes.subarray(14)])],
  ['nothing but noise', (bytes, random) => noisy(bytes, random)],
];

function noisy(bytes: Buffer, random: (below: number) => number): Buffer {
  for (let n = 0; n < Math.max(3, bytes.length / 10); n++) bytes[random(bytes.length)] = random(256);
  return bytes;
}

/** What became of the damage: every call gave what was written, or said LOG_DAMAGED and where. */
async function outcome(): Promise<'unseen' | 'said'> {
  let transport: EmbeddedTransport | undefined;
  let said = false;
  const tell = (thrown: unknown) => {
    const error = thrown as VimiError;
    if (!(error instanceof VimiError)) throw thrown;
    // A topic's name may be what was damaged; every other code would blame somebody else.
    if (error.code === 'TOPIC_UNKNOWN' || error.code === 'GROUP_BUSY') said = true;
    else if (error.code === 'LOG_DAMAGED') {
      said = true;
      expect(error.where).toContain(path);
    } else throw error;
  };
  try {
    transport = openEmbedded({ path });
    const opened = transport;
    let isSeen = false;
    await opened.check!().catch((thrown) => {
      isSeen = true;
      tell(thrown);
    });
    const read = await readTopics(opened).catch(tell);
    if (read) expect(isSeen || sameAs(read, original), 'what was read is not what was written').toBe(true);
    if (read && !sameAs(read, original)) throw new Error('other records, and nobody was told');
    await opened.positions('readers', 'requests').catch(tell);
    const batch = await taken(opened).catch(tell);
    for (const record of batch ?? [])
      expect(
        original.some((one) => sameAs([one], [record])),
        'a record that nobody wrote',
      ).toBe(true);
    await opened.clean().catch(tell);
    await opened.publish([{ topic: 'requests', key: null, value: Buffer.from('{}'), headers: {} }]).catch(tell);
  } catch (thrown) {
    tell(thrown);
  } finally {
    await transport?.close().catch(tell);
  }
  return said ? 'said' : 'unseen';
}

function sameAs(some: StoredRecord[], others: StoredRecord[]): boolean {
  const text = (records: StoredRecord[]) =>
    JSON.stringify(
      records.map(({ headers, ...rest }) => [
        rest.topic,
        rest.partition,
        rest.offset,
        rest.timestamp,
        String(rest.key),
        String(rest.value),
        Object.entries(headers).map(([name, bytes]) => [name, String(bytes)]),
      ]),
    );
  return text(some) === text(others);
}

describe('a damaged log', () => {
  it.each(kinds)(
    '[safety S9] with %s gives what was written or says LOG_DAMAGED and where, and never loops',
    async (name, damage) => {
      const random = numbers(name.length * 7919);
      const outcomes = { unseen: 0, said: 0 };
      for (let n = 0; n < 20; n++) {
        for (const beside of ['-wal', '-shm']) writeFileSync(path + beside, '');
        writeFileSync(path, damage(readFileSync(whole), random));
        outcomes[await outcome()]++;
      }
      if (!name.includes('flipped') && !name.includes('head') && !name.includes('word'))
        expect(outcomes.said).toBeGreaterThan(0);
    },
  );

  it('[safety S9] with one byte of a value changed says which record, and doctor finds it', async () => {
    const bytes = readFileSync(whole);
    bytes[bytes.indexOf('a fox number 7 ')] = 'A'.charCodeAt(0);
    for (const beside of ['-wal', '-shm']) writeFileSync(path + beside, '');
    writeFileSync(path, bytes);
    const transport = openEmbedded({ path });
    const error = { code: 'LOG_DAMAGED', where: expect.stringMatching(/^requests\/\d\/\d+ in /) };
    await expect(readTopics(transport)).rejects.toMatchObject(error);
    await expect(transport.check!()).rejects.toMatchObject(error);
    await transport.close();
  });

  it('[safety S9] whole, it says how much it looked at', async () => {
    copyFileSync(whole, path);
    const transport = openEmbedded({ path });
    expect(await transport.check!()).toBe(original.length);
    await transport.close();
  });

  it("[safety S13] is nobody else's to read", () => {
    expect(statSync(whole).mode & 0o777).toBe(0o600);
  });

  it('[kind 5] of a version that had no checksums is taken on', async () => {
    copyFileSync(whole, path);
    for (const beside of ['-wal', '-shm']) writeFileSync(path + beside, '');
    const file = new SqliteFile(path);
    file.exec(
      'ALTER TABLE records DROP COLUMN checksum; ALTER TABLE positions DROP COLUMN checksum; PRAGMA user_version = 1',
    );
    file.close();
    const transport = openEmbedded({ path });
    expect(sameAs(await readTopics(transport), original)).toBe(true);
    await transport.publish([{ topic: 'requests', key: null, value: Buffer.from('{}'), headers: {} }]);
    expect(await transport.check!()).toBe(original.length + 1);
    await transport.close();
  });
});
