import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../../../src/streams/transports/kafka/protocol/crc32c.js';
import {
  batchesOf,
  encodeBatch,
  isAbort,
  type NewMessage,
  recordsOf,
} from '../../../../../src/streams/transports/kafka/protocol/record-batch.js';

// Another implementation of the format, to compare with.
const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder');
const decodeForeign = require('kafkajs/src/protocol/recordBatch/v0/decoder');
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0');
const ForeignRecord = require('kafkajs/src/protocol/recordBatch/record/v0');

const bytes = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some));
const message: fc.Arbitrary<NewMessage> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(
    fc.string({ unit: 'grapheme', maxLength: 20 }).filter((name) => !(name in {})),
    bytes,
    { maxKeys: 5, noNullPrototype: true },
  ),
  timestamp: fc.integer({ min: 0, max: 4e12 }),
});
const messages = fc.array(message, { minLength: 1, maxLength: 150 });
const writer = { producerId: '9007199254740993', producerEpoch: 7, firstSequence: 41, transactional: true };

/** With offsets from `base` on, as the broker stores it. */
function stored(batch: Buffer, base: number): Buffer {
  batch.writeBigInt64BE(BigInt(base));
  return batch;
}

/** With a checksum that fits, whatever was done to it. */
function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

async function decode(log: Buffer, from = 0) {
  const records = [];
  for (const batch of batchesOf(log))
    records.push(...(await recordsOf(log, batch, { topic: 't', partition: 3, from })));
  return records;
}

describe('batches of records', () => {
  it('are written as another client reads them', async () => {
    await fc.assert(
      fc.asyncProperty(messages, async (some) => {
        const { records, ...batch } = await decodeForeign(
          new Decoder(stored(encodeBatch({ messages: some, ...writer }), 5)),
        );
        expect(batch).toMatchObject({ firstOffset: '5', lastOffsetDelta: some.length - 1, inTransaction: true });
        expect(batch).toMatchObject({ producerId: writer.producerId, producerEpoch: 7, firstSequence: 41 });
        const got = records.map(({ key, value, headers, timestamp }: Record<string, unknown>) => {
          return { key, value, headers, timestamp: Number(timestamp) };
        });
        expect(got).toEqual(some);
      }),
    );
  });

  it('are read as another client writes them, compressed or not', async () => {
    await fc.assert(
      fc.asyncProperty(messages, fc.constantFrom(0, 1), async (some, compression) => {
        const first = some[0]!.timestamp;
        const records = some.map(({ timestamp, ...rest }, offsetDelta) =>
          ForeignRecord({ ...rest, offsetDelta, timestampDelta: timestamp - first }),
        );
        const lastOffsetDelta = some.length - 1;
        const encoder = await RecordBatch({ compression, firstTimestamp: first, records, lastOffsetDelta });
        const log = stored(Buffer.from(encoder.buffer), 1000);
        expect((await decode(log)).map(({ topic, partition, offset, ...rest }) => rest)).toEqual(some);
        expect((await decode(log)).map(({ offset }) => offset)).toEqual(some.map((_, n) => 1000 + n));
        expect(await decode(log, 1000 + lastOffsetDelta)).toHaveLength(1);
      }),
    );
  });

  it('are read one after the other, up to the first that is cut off', async () => {
    const one = encodeBatch({
      messages: [{ key: null, value: Buffer.from('a'), headers: {}, timestamp: 1 }],
      ...writer,
    });
    const log = Buffer.concat([
      stored(Buffer.from(one), 0),
      stored(Buffer.from(one), 1),
      one.subarray(0, one.length - 1),
    ]);
    expect((await decode(log)).map(({ offset }) => offset)).toEqual([0, 1]);
  });

  it('that are damaged inside are an error, and end', async () => {
    const one = encodeBatch({
      messages: [{ key: null, value: Buffer.alloc(50), headers: {}, timestamp: 1 }],
      ...writer,
    });
    one.writeInt32BE(1_000_000, 57);
    await expect(decode(sealed(one))).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
    one.writeInt8(1, 16);
    await expect(decode(one)).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
  });

  it('whose records end before they begin, or where the next begins, are damaged', async () => {
    const messages = [1, 2].map((timestamp) => ({ key: null, value: Buffer.from('a'), headers: {}, timestamp }));
    const one = encodeBatch({ messages, ...writer });
    one.writeInt32BE(2 ** 31 - 1, 57);
    for (const length of [-64, -1, 0, 1, 3]) {
      one[61] = length < 0 ? -2 * length - 1 : 2 * length;
      for (const from of [0, 10])
        await expect(decode(sealed(one), from)).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
    }
  });

  it('that differ in any bit from what was written are damaged', async () => {
    const message = { key: Buffer.from('key'), value: Buffer.alloc(50), headers: {}, timestamp: 1 };
    const one = encodeBatch({ messages: [message], ...writer });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 17, max: one.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          const flipped = Buffer.from(one);
          flipped[at]! ^= 1 << bit;
          // There is no file here that anybody could restore.
          const remedy = expect.stringMatching(/replica.*--reset-offsets/);
          await expect(decode(flipped)).rejects.toMatchObject({ code: 'LOG_DAMAGED', where: 't/3/0', remedy });
        },
      ),
    );
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])(
    "are read as Kafka's own client compresses them with %s",
    async (codec) => {
      const log = readFileSync(join(import.meta.dirname, `codecs/fixtures/java-${codec}.batch`));
      expect(await decode(log)).toEqual(
        Array.from({ length: 400 }, (_, n) => ({
          topic: 't',
          partition: 3,
          offset: n,
          timestamp: 1_700_000_000_000 + n,
          key: Buffer.from(`key ${n}`),
          value: Buffer.from(`${'a fox moves left, '.repeat(6)}${n * n}`),
          headers: {},
        })),
      );
      // Cut short, in a batch that hides it.
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 61, max: log.length - 1 }), async (length) => {
          const short = Buffer.from(log.subarray(0, length));
          short.writeInt32BE(length - 12, 8);
          await expect(decode(sealed(short))).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
        }),
      );
    },
  );

  it('in a compression that they are not in, or that there is not, are an error that says so', async () => {
    const one = encodeBatch({ messages: [{ key: null, value: null, headers: {}, timestamp: 1 }], ...writer });
    for (const codec of [1, 2, 3, 4]) {
      one.writeInt16BE(codec, 21);
      await expect(decode(sealed(one))).rejects.toMatchObject({ code: 'LOG_DAMAGED', where: 't/3/0' });
    }
    one.writeInt16BE(6, 21);
    await expect(decode(sealed(one))).rejects.toMatchObject({ code: 'COMPRESSION_UNKNOWN', found: 'codec 6' });
  });

  it.each([-61, -12, 0, 48])('that say they are %i bytes long are damaged, and are not read for ever', (length) => {
    const one = encodeBatch({ messages: [{ key: null, value: null, headers: {}, timestamp: 1 }], ...writer });
    one.writeInt32BE(length, 8);
    expect(() => batchesOf(one).next()).toThrow(expect.objectContaining({ code: 'LOG_DAMAGED' }));
  });

  it('of markers tell how a transaction ended', () => {
    const marker = (type: number) => {
      const key = Buffer.from([0, 0, 0, type]);
      return encodeBatch({ messages: [{ key, value: Buffer.alloc(6), headers: {}, timestamp: 1 }], ...writer });
    };
    for (const [type, aborts] of [
      [0, true],
      [1, false],
    ] as const) {
      const [batch] = batchesOf(marker(type));
      expect(isAbort(marker(type), batch!)).toBe(aborts);
    }
  });

  it('have the checksum that RFC 3720 gives', () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, n) => n)))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});
