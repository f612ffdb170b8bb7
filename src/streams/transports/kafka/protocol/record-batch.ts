import { VimiError } from '../../../../core/errors.js';
import type { StoredRecord } from '../../../../events/record.js';
import { ByteReader } from './byte-reader.js';
import { unpack } from './codecs/unpack.js';
import { crc32c } from './crc32c.js';
import { damageRemedies } from './damage-remedies.js';

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

/** A record on its way; its partition and offset are the batch's matter. */
export interface NewMessage {
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
  timestamp: number;
}

export interface NewBatch {
  messages: readonly NewMessage[];
  producerId: string;
  producerEpoch: number;
  firstSequence: number;
  transactional: boolean;
}

/** Uncompressed: who writes it keeps no processor waiting, and the outputs of a pipeline are small. */
export function encodeBatch({ messages, producerId, producerEpoch, firstSequence, transactional }: NewBatch): Buffer {
  const base = messages[0]!.timestamp;
  const names = new Map<string, Buffer>();
  const lengths = messages.map((message, n) => bodyLength(message, message.timestamp - base, n, names));
  let end = headerBytes;
  for (const length of lengths) end += varintLength(length) + length;
  const bytes = Buffer.allocUnsafe(end);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(end - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(transactional ? 16 : 0, 21);
  bytes.writeInt32BE(messages.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(base), 27);
  bytes.writeBigInt64BE(BigInt(messages.reduce((max, { timestamp }) => Math.max(max, timestamp), base)), 35);
  bytes.writeBigInt64BE(BigInt(producerId), 43);
  bytes.writeInt16BE(producerEpoch, 51);
  bytes.writeInt32BE(firstSequence, 53);
  bytes.writeInt32BE(messages.length, 57);
  let at = headerBytes;
  for (const [n, { key, value, headers, timestamp }] of messages.entries()) {
    at = writeVarint(bytes, at, lengths[n]!);
    bytes[at++] = 0;
    at = writeVarint(bytes, at, timestamp - base);
    at = writeVarint(bytes, at, n);
    at = writeField(bytes, at, key);
    at = writeField(bytes, at, value);
    const entries = Object.entries(headers);
    at = writeVarint(bytes, at, entries.length);
    for (const [name, content] of entries) {
      at = writeField(bytes, at, names.get(name)!);
      at = writeField(bytes, at, content);
    }
  }
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}

/** Without the record's own length. `names`: header names as bytes, filled here. */
function bodyLength(
  { key, value, headers }: NewMessage,
  timestampDelta: number,
  offsetDelta: number,
  names: Map<string, Buffer>,
): number {
  let length = 1 + varintLength(timestampDelta) + varintLength(offsetDelta) + fieldLength(key) + fieldLength(value);
  let count = 0;
  for (const [name, content] of Object.entries(headers)) {
    let bytes = names.get(name);
    if (!bytes) {
      bytes = Buffer.from(name);
      names.set(name, bytes);
    }
    length += fieldLength(bytes) + fieldLength(content);
    count++;
  }
  return length + varintLength(count);
}

function fieldLength(field: Buffer | null): number {
  return field === null ? 1 : varintLength(field.length) + field.length;
}

function varintLength(value: number): number {
  let rest = zigzag(value);
  let length = 1;
  for (; rest > 127; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = zigzag(value);
  let next = at;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes[next++] = (rest % 128) | 128;
  bytes[next] = rest;
  return next + 1;
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function writeField(bytes: Buffer, at: number, field: Buffer | null): number {
  if (field === null) return writeVarint(bytes, at, -1);
  const next = writeVarint(bytes, at, field.length);
  field.copy(bytes, next);
  return next + field.length;
}

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
    const length = bytes.readInt32BE(start + 8);
    if (length < headerBytes - 12)
      throw new VimiError('LOG_DAMAGED', 'A batch of this partition claims to be shorter than its own header', {
        expected: `${headerBytes - 12} bytes or more`,
        found: `${length}`,
        remedy: damageRemedies.batch,
      });
    const end = start + 12 + length;
    if (end > bytes.length) return;
    const magic = bytes.readInt8(start + 16);
    if (magic !== 2)
      throw new VimiError('LOG_DAMAGED', 'This partition holds records in a format older than Kafka 0.11', {
        expected: 'magic 2',
        found: `magic ${magic}`,
        remedy: damageRemedies.oldFormat,
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
  const where = `${topic}/${partition}/${baseOffset}`;
  const sum = crc32c(bytes, start + 21, end);
  // Brokers look at it when a batch arrives, and not again; snappy, and mostly lz4 and zstd, have none of their own.
  if (sum !== bytes.readUInt32BE(start + 17))
    throw new VimiError('LOG_DAMAGED', 'A batch of records is damaged: its checksum is wrong', {
      where,
      remedy: damageRemedies.batch,
    });
  const attributes = bytes.readInt16BE(start + 21);
  const baseTimestamp = Number(bytes.readBigInt64BE(start + 27));
  const appendTime = (attributes & 8) !== 0 ? Number(bytes.readBigInt64BE(start + 35)) : undefined;
  const count = bytes.readInt32BE(start + 57);
  const packed = bytes.subarray(start + headerBytes, end);
  const reader = new ByteReader(await unpack(packed, attributes & 7, where));
  const records: StoredRecord[] = [];
  for (let n = 0; n < count; n++) {
    const own = new ByteReader(Buffer.from(reader.bytes(reader.varint())));
    own.skip(1);
    const created = baseTimestamp + own.varint();
    const timestamp = appendTime ?? created;
    const offset = baseOffset + own.varint();
    if (offset < from) continue;
    records.push({ topic, partition, offset, timestamp, key: field(own), value: field(own), headers: headersOf(own) });
  }
  return records;
}

/** The last of several values of one name; a value that is null counts as empty. */
function headersOf(reader: ByteReader): Record<string, Buffer> {
  const headers: [string, Buffer][] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const name = field(reader)?.toString('utf8') ?? '';
    headers.push([name, field(reader) ?? Buffer.alloc(0)]);
  }
  return Object.fromEntries(headers);
}

function field(reader: ByteReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}
