import { crc32 } from 'node:zlib';

/** What stands in a row, in one number: each field with its length, so that no byte can move from one to the next. */
export function checksum(...fields: (string | number | Buffer | null)[]): number {
  let sum = 0;
  for (const field of fields) {
    const bytes = Buffer.isBuffer(field) ? field : Buffer.from(field === null ? '' : `${field}`);
    sum = crc32(`${field === null ? -1 : bytes.length} `, sum);
    // Of no bytes zlib gives what it likes.
    if (bytes.length > 0) sum = crc32(bytes, sum);
  }
  return sum;
}
