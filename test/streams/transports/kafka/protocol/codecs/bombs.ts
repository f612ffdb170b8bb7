import { gzipSync } from 'node:zlib';
import { xxh32 } from '../../../../../../src/streams/transports/kafka/protocol/codecs/xxh32.js';

const mebibyte = 2 ** 20;

/** Few bytes that are well made, or lie, and unpack to `size` bytes (a multiple of 4 MiB). */
export function* bombs(size: number): Generator<{ name: string; codec: number; bytes: Buffer }> {
  const times = (bytes: Buffer, each: number) => Array.from({ length: size / each }, () => bytes);

  yield {
    name: 'gzip',
    codec: 1,
    bytes: Buffer.concat(times(gzipSync(Buffer.alloc(4 * mebibyte)), 4 * mebibyte)),
  };

  // Snappy tells its length first.
  const block = snappyBlock(mebibyte, mebibyte);
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  const frame = Buffer.from('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01', 'latin1');
  yield {
    name: 'snappy, framed',
    codec: 2,
    bytes: Buffer.concat([frame, ...times(Buffer.concat([length, block]), mebibyte)]),
  };
  yield { name: 'snappy, that tells less', codec: 2, bytes: snappyBlock(mebibyte, size / 16) };
  yield { name: 'snappy, that tells more', codec: 2, bytes: snappyBlock(15 * mebibyte, 64) };

  // One literal, repeated: 4 MiB in 16 KiB.
  const extension = Buffer.alloc(Math.floor((4 * mebibyte - 25) / 255), 255);
  const rest = 4 * mebibyte - 1 - 4 - 15 - 5 - extension.length * 255;
  const lz4Block = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), extension, Buffer.from([rest, 0x50, 0, 0, 0, 0, 0])]);
  const lz4Header = Buffer.from([0x60, 0x70]);
  const check = (xxh32(lz4Header) >>> 8) & 255;
  const lz4 = Buffer.concat([uint32(lz4Block.length), lz4Block]);
  yield {
    name: 'lz4',
    codec: 3,
    bytes: Buffer.concat([uint32(0x184d2204), lz4Header, Buffer.from([check]), ...times(lz4, 4 * mebibyte), uint32(0)]),
  };

  // Blocks of one byte that is repeated 128 Ki times; and compressed blocks whose literals are such.
  const each = 128 * 1024;
  const zstdHeader = Buffer.concat([uint32(0xfd2fb528), Buffer.from([0, 0x58])]);
  const noMore = Buffer.from([1, 0, 0]);
  const repeated = Buffer.concat([uint24((each << 3) | (1 << 1)), Buffer.from([0])]);
  yield { name: 'zstd, repeated', codec: 4, bytes: Buffer.concat([zstdHeader, ...times(repeated, each), noMore]) };
  const literals = Buffer.concat([uint24((each << 4) | (3 << 2) | 1), Buffer.from([0, 0])]);
  const compressed = Buffer.concat([uint24((literals.length << 3) | (2 << 1)), literals]);
  yield { name: 'zstd, compressed', codec: 4, bytes: Buffer.concat([zstdHeader, ...times(compressed, each), noMore]) };
  // A content size of 2^40, and nothing in it.
  const size64 = Buffer.alloc(8);
  size64.writeBigUInt64LE(2n ** 40n);
  const lie = Buffer.concat([uint32(0xfd2fb528), Buffer.from([0xe0]), size64, uint24((1 << 3) | 1), Buffer.from([0])]);
  yield { name: 'zstd, that tells more', codec: 4, bytes: lie };
}

/** A block that tells `told` bytes, and makes `real`, a multiple of 64: one literal, and copies of 64 bytes. */
export function snappyBlock(told: number, real: number): Buffer {
  const varint: number[] = [];
  let rest = told;
  for (; rest > 127; rest = Math.floor(rest / 128)) varint.push((rest % 128) | 128);
  varint.push(rest);
  const literal = Buffer.concat([Buffer.from([60 << 2, 63]), Buffer.alloc(64)]);
  const copy = Buffer.from([(63 << 2) | 2, 1, 0]);
  return Buffer.concat([Buffer.from(varint), literal, Buffer.alloc(copy.length * (real / 64 - 1), copy)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint24(value: number): Buffer {
  const bytes = Buffer.alloc(3);
  bytes.writeUIntLE(value, 0, 3);
  return bytes;
}
