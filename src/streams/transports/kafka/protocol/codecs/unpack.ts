import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { VimiError } from '../../../../../core/errors.js';
import { damageRemedies } from '../damage-remedies.js';
import { unpackLz4 } from './lz4.js';
import { unpackSnappy } from './snappy.js';
import { unpackZstd } from './zstd.js';

/** Bytes that a batch may unpack to. */
const largestBatch = 256 * 1024 * 1024;

const inflate = promisify(gunzip) as (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

/** By their numbers in a batch's attributes. `limit`: bytes of the output; no more than about that is ever set aside. */
const codecs: Record<number, (bytes: Buffer, limit: number) => Buffer | Promise<Buffer>> = {
  0: (bytes) => bytes,
  1: (bytes, limit) => inflate(bytes, { maxOutputLength: limit }),
  2: unpackSnappy,
  3: unpackLz4,
  4: unpackZstd,
};

/**
 * The records of a batch as they were before they were compressed.
 *
 * @param where names the batch in errors
 * @throws COMPRESSION_UNKNOWN for a codec that Kafka does not have, LOG_DAMAGED for what cannot be unpacked, or would be
 *   larger than `limit`
 */
export async function unpack(bytes: Buffer, codec: number, where: string, limit = largestBatch): Promise<Buffer> {
  const unpackWith = codecs[codec];
  if (!unpackWith)
    throw new VimiError('COMPRESSION_UNKNOWN', 'The compression of these records is not supported', {
      expected: 'none, gzip, snappy, lz4, zstd',
      found: `codec ${codec}`,
      where,
    });
  try {
    return await unpackWith(bytes, limit);
  } catch (cause) {
    throw new VimiError('LOG_DAMAGED', 'A batch of records cannot be unpacked', {
      found: String(cause),
      where,
      cause,
      remedy: damageRemedies.batch,
    });
  }
}
