import { snappyUncompressor } from 'hysnappy';
import { ByteReader } from '../byte-reader.js';

/*
 * Two ways to write it are in use. librdkafka and those who build on it write one raw snappy block. Java, and those who
 * follow it, write the frame of the xerial library:
 *
 *    0  magic                   8  int32  version   12  int32  lowest version that can read it
 *   16  int32  length of a raw block, the block; and so on, to the end
 */
const xerial = Buffer.from('\x82SNAPPY\0', 'latin1');
const xerialHeader = 16;

/** Three bytes of snappy make 64 at most. */
const largestRatio = 64 / 3;

const uncompress = snappyUncompressor();

/** Throws for damage, and for more than `limit` bytes. */
export function unpackSnappy(bytes: Buffer, limit: number): Buffer {
  if (!bytes.subarray(0, xerial.length).equals(xerial)) return unpackBlock(bytes, limit);
  const reader = new ByteReader(bytes, xerialHeader);
  const blocks: Buffer[] = [];
  let room = limit;
  do {
    const block = unpackBlock(reader.bytes(reader.int32()), room);
    room -= block.length;
    blocks.push(block);
  } while (reader.at < bytes.length);
  return Buffer.concat(blocks);
}

/** A block tells first what it unpacks to; this is believed only as far as its own length can make it true. */
function unpackBlock(block: Buffer, limit: number): Buffer {
  const length = new ByteReader(block).uvarint();
  if (length > limit) throw new Error(`it unpacks to more than ${limit} bytes`);
  if (length > block.length * largestRatio) throw new Error(`${block.length} bytes cannot unpack to ${length}`);
  const { buffer, byteOffset } = uncompress(block, length);
  return Buffer.from(buffer, byteOffset, length);
}
