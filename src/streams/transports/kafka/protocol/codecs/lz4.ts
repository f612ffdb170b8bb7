import { unpackBlock } from '../../../../../core/lz4-block.js';
import { xxh32 } from './xxh32.js';

/*
 * A frame of LZ4 (its format 1.6). Little endian:
 *
 *   uint32  magic
 *   uint8   bits 6-7 version (1), 5 independent blocks, 4 checksums of blocks, 3 content size, 2 checksum of the content,
 *           0 dictionary
 *   uint8   bits 4-6 largest block: 4 is 64 KiB, and four times as much for each one more
 *   uint64  content size, if there is one
 *   uint8   second byte of the checksum of these fields
 *   uint32  of each block: its size, the highest bit set when it is not compressed; then the block, and its checksum if
 *           they have one; a size of 0 ends them
 *   uint32  checksum of the content, if there is one
 */
const magic = 0x184d2204;
/** One byte of a block makes 255 at most. */
const largestRatio = 255;

interface Block {
  bytes: Buffer;
  compressed: boolean;
}

/** Throws for damage, and for more than `limit` bytes. */
export function unpackLz4(bytes: Buffer, limit: number): Buffer {
  const { independent, largestBlock, contentSize, blocks, checksum } = frameOf(bytes);
  const most = blocks.reduce((sum, block) => sum + mostOf(block, largestBlock), 0);
  const out = Buffer.allocUnsafe(Math.min(limit, most));
  let at = 0;
  for (const block of blocks) {
    const end = Math.min(out.length, at + mostOf(block, largestBlock));
    if (block.compressed) at = unpackBlock(block.bytes, { out, at, end, floor: independent ? at : 0 });
    else if (block.bytes.length <= end - at) at += block.bytes.copy(out, at);
    else throw new Error(`it unpacks to more than ${limit} bytes`);
  }
  const content = out.subarray(0, at);
  if (contentSize !== undefined && contentSize !== at)
    throw new Error(`${at} bytes instead of the announced ${contentSize}`);
  if (checksum !== undefined && checksum !== xxh32(content)) throw new Error('its checksum is wrong');
  return content;
}

function mostOf({ bytes, compressed }: Block, largestBlock: number): number {
  return compressed ? Math.min(bytes.length * largestRatio, largestBlock) : bytes.length;
}

function frameOf(bytes: Buffer) {
  if (bytes.readUInt32LE(0) !== magic) throw new Error('it is not a frame of LZ4');
  const flags = bytes.readUInt8(4);
  const sizes = bytes.readUInt8(5);
  if ((flags & 0xc3) !== 0x40 || (sizes & 0xcf) !== 0x40) throw new Error('its header cannot be understood');
  let at = 6;
  const contentSize = flags & 8 ? Number(bytes.readBigUInt64LE(at)) : undefined;
  if (flags & 8) at += 8;
  if (bytes.readUInt8(at) !== ((xxh32(bytes.subarray(4, at)) >>> 8) & 255)) throw new Error('its header is damaged');
  at++;
  const largestBlock = 2 ** (8 + 2 * (sizes >> 4));
  const blocks: Block[] = [];
  for (;;) {
    const header = bytes.readUInt32LE(at);
    at += 4;
    if (header === 0) break;
    const size = header & 0x7fffffff;
    if (size > largestBlock || size > bytes.length - at) throw new Error('a block is damaged');
    const block = bytes.subarray(at, at + size);
    at += size;
    if (flags & 16) {
      if (bytes.readUInt32LE(at) !== xxh32(block)) throw new Error('the checksum of a block is wrong');
      at += 4;
    }
    blocks.push({ bytes: block, compressed: header < 0x80000000 });
  }
  return {
    independent: (flags & 32) !== 0,
    largestBlock,
    contentSize,
    blocks,
    checksum: flags & 4 ? bytes.readUInt32LE(at) : undefined,
  };
}
