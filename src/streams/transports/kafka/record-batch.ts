import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { VimiError } from '../../../errors.js';
import type { StoredRecord } from '../../transport.js';
import { ByteReader } from './byte-reader.js';

/*
 * A record batch, as brokers keep and send it (magic 2):
 *
 *    0  int64   base offset           23  int32  last offset delta    51  int16  producer epoch
 *    8  int32   length from 12 on     27  int64  base timestamp       53  int32  base sequence
 *   12  int32   leader epoch          35  int64  max timestamp        57  int32  count
 *   16  int8    magic                 43  int64  producer id          61  records, maybe compressed
 *   17  uint32  CRC-32C from 21 on
 *   21  int16   attributes: bits 0-2 compression, 3 log append time, 4 transactional, 5 control
 *
 * A record: varint length, int8 attributes, varint timestamp delta, varint offset delta, varint key length, key, varint
 * value length, value, varint count of headers, each: varint name length, name, varint value length, value.
 */

const headerBytes = 61;
const inflate = { gunzip: promisify(zlib.gunzip) };

export interface BatchHeader {
  baseOffset: number;
  /** Of the batch as it was written: compaction may have removed the record there. */
  lastOffset: number;
  producerId: bigint;
  transactional: boolean;
  control: boolean;
  /** Where it starts and ends in the bytes that hold it. */
  start: number;
  end: number;
}

/** The batches that are there as a whole. */
export function* batchesOf(bytes: Buffer): Generator<BatchHeader> {
  for (let start = 0; start + headerBytes <= bytes.length; ) {
    const end = start + 12 + bytes.readInt32BE(start + 8);
    if (end > bytes.length) return;
    const magic = bytes.readInt8(start + 16);
    if (magic !== 2)
      throw new VimiError('LOG_DAMAGED', 'This partition holds records of a format from before Kafka 0.11', {
        expected: 'magic 2',
        found: `magic ${magic}`,
      });
    const baseOffset = Number(bytes.readBigInt64BE(start));
    const attributes = bytes.readInt16BE(start + 21);
    yield {
      baseOffset,
      lastOffset: baseOffset + bytes.readInt32BE(start + 23),
      producerId: bytes.readBigInt64BE(start + 43),
      transactional: (attributes & 16) !== 0,
      control: (attributes & 32) !== 0,
      start,
      end,
    };
    start = end;
  }
}

/** Whether a control batch ends an aborted transaction; else it ends a committed one. */
export function isAbort(bytes: Buffer, { start }: BatchHeader): boolean {
  const reader = new ByteReader(bytes, start + headerBytes);
  reader.varint();
  reader.skip(1);
  reader.varint();
  reader.varint();
  const key = field(reader);
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}

/** The records of a batch from `from` on. They hold no reference to `bytes`. */
export async function recordsOf(
  bytes: Buffer,
  { baseOffset, start, end }: BatchHeader,
  { topic, partition, from }: { topic: string; partition: number; from: number },
): Promise<StoredRecord[]> {
  const attributes = bytes.readInt16BE(start + 21);
  const baseTimestamp = Number(bytes.readBigInt64BE(start + 27));
  const appendTime = (attributes & 8) !== 0 ? Number(bytes.readBigInt64BE(start + 35)) : undefined;
  const count = bytes.readInt32BE(start + 57);
  const packed = bytes.subarray(start + headerBytes, end);
  const reader = new ByteReader(await unpacked(packed, attributes & 7, `${topic}/${partition}/${baseOffset}`));
  const records: StoredRecord[] = [];
  for (let n = 0; n < count; n++) {
    const length = reader.varint();
    const next = reader.at + length;
    reader.skip(1);
    const created = baseTimestamp + reader.varint();
    const timestamp = appendTime ?? created;
    const offset = baseOffset + reader.varint();
    if (offset >= from) {
      const key = copied(field(reader));
      const value = copied(field(reader));
      records.push({ topic, partition, offset, timestamp, key, value, headers: headersOf(reader) });
    }
    reader.at = next;
  }
  return records;
}

/** The last of several values of one name; a value that is null counts as empty. */
function headersOf(reader: ByteReader): Record<string, Buffer> {
  const headers: [string, Buffer][] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const name = field(reader)?.toString('utf8') ?? '';
    headers.push([name, copied(field(reader)) ?? Buffer.alloc(0)]);
  }
  return Object.fromEntries(headers);
}

function field(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}

function copied(bytes: Buffer | null): Buffer | null {
  return bytes && Buffer.from(bytes);
}

async function unpacked(bytes: Buffer, codec: number, where: string): Promise<Buffer> {
  const name = ['none', 'gzip', 'snappy', 'lz4', 'zstd'][codec];
  if (name === 'none') return bytes;
  if (name === 'gzip') return inflate.gunzip(bytes);
  // Node has it from 22.15 on.
  const zstd = (zlib as { zstdDecompress?: (bytes: Buffer, done: (error: Error | null, out: Buffer) => void) => void })
    .zstdDecompress;
  if (name === 'zstd' && zstd) return promisify(zstd)(bytes);
  throw new VimiError('COMPRESSION_UNKNOWN', 'These records are compressed in a way that cannot be read here', {
    expected: zstd ? 'none, gzip or zstd' : 'none or gzip (zstd from Node 22.15 on)',
    found: name ?? `codec ${codec}`,
    where,
  });
}
