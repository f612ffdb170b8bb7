import { ZSTDDecoder } from 'zstddec';

/*
 * Frames (RFC 8878), one after the other. Little endian:
 *
 *   uint32  magic; of a skippable one: uint32 length, and so many bytes
 *   uint8   descriptor: bits 0-1 dictionary, 2 checksum, 5 single segment, 6-7 content size
 *           window (1 byte, unless single segment), dictionary id (0, 1, 2, 4), content size (0 or 1, 2, 4, 8)
 *   uint24  of each block: bit 0 last, bits 1-2 type, the rest its size; and the block
 *   uint32  checksum, if there is one
 */
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const repeated = 1;
const compressed = 2;
/** What a block may unpack to. */
const largestBlock = 128 * 1024;

const decoder = new ZSTDDecoder();

/**
 * The content size of a frame may be missing, and need not be true: what is set aside follows from the blocks that are
 * there. Throws for damage, and for more than `limit` bytes.
 */
export async function unpackZstd(bytes: Buffer, limit: number): Promise<Buffer> {
  const room = Math.max(1, Math.min(limit, most(bytes)));
  await decoder.init();
  // The decoder says nothing of its errors; it gives nothing back then.
  const { buffer, byteOffset, length } = decoder.decode(bytes, room);
  if (length === 0) throw new Error(`it is damaged, or unpacks to more than ${limit} bytes`);
  return Buffer.from(buffer, byteOffset, length);
}

/** Bytes that frames unpack to at most. */
function most(bytes: Buffer): number {
  let sum = 0;
  let at = 0;
  while (at < bytes.length) {
    const magic = bytes.readUInt32LE(at);
    if ((magic & 0xfffffff0) === skippableMagic) {
      at += 8 + bytes.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== frameMagic) throw new Error('it is not zstd');
    const descriptor = bytes.readUInt8(at + 4);
    at += 5 + frameFields(descriptor);
    for (let last = false; !last; ) {
      const header = bytes.readUIntLE(at, 3);
      const [type, size] = [(header >> 1) & 3, header >> 3];
      if (type > compressed || size > largestBlock) throw new Error('a block is damaged');
      sum += type === compressed ? largestBlock : size;
      at += 3 + (type === repeated ? 1 : size);
      last = (header & 1) === 1;
    }
    if (descriptor & 4) at += 4;
  }
  if (at > bytes.length) throw new Error('it ends too early');
  return sum;
}

/** Bytes between the descriptor and the first block. */
function frameFields(descriptor: number): number {
  const single = (descriptor >> 5) & 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const size = [single, 2, 4, 8][descriptor >> 6]!;
  return 1 - single + dictionary + size;
}
