import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type Compressors, snappyUncompress } from 'hyparquet';
import { ZSTDDecoder } from 'zstddec';
import { unpackBlock } from '../../core/lz4-block.js';

/** A page is what unpacks at once; writers make pages of about 1 MiB. */
const mostPage = 256 * 1024 ** 2;

/** What unpacks the pages of a Parquet file: a page says its size, which is believed up to a bound. */
export async function parquetCodecs(): Promise<Compressors> {
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const bounded = (unpack: (bytes: Uint8Array, size: number) => Uint8Array) => (bytes: Uint8Array, size: number) => {
    if (!(size <= mostPage)) throw new Error(`a page of ${size} bytes, more than ${mostPage}`);
    return unpack(bytes, size);
  };
  return {
    SNAPPY: bounded((bytes, size) => {
      const page = new Uint8Array(size);
      snappyUncompress(bytes, page);
      return page;
    }),
    GZIP: bounded((bytes, size) => gunzipSync(bytes, { maxOutputLength: Math.max(1, size) })),
    BROTLI: bounded((bytes, size) => brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, size) })),
    ZSTD: bounded((bytes, size) => zstd.decode(bytes, size)),
    LZ4_RAW: bounded((bytes, size) => blocksOfLz4([bytes], size)),
    LZ4: bounded((bytes, size) => blocksOfLz4(hadoopBlocks(bytes), size)),
  };
}

function blocksOfLz4(blocks: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) at = unpackBlock(block, { out, at, end: size, floor: at });
  if (at !== size) throw new Error(`a page of ${at} bytes instead of the announced ${size}`);
  return out;
}

/**
 * The older codec of this name: blocks as Hadoop frames them, each behind two numbers (uint32, big endian), its size when it is unpacked and
 * its own. Some writers put a plain block in its place.
 */
function hadoopBlocks(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = at + 8 <= bytes.length ? view.getUint32(at + 4) : Number.POSITIVE_INFINITY;
    if (size > bytes.length - at - 8) return [bytes];
    blocks.push(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return blocks;
}
