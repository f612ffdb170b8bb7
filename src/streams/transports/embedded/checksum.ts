import { crc32 } from 'node:zlib';

/**
 * What stands in a row, in one number: each field with its length in bytes, so that no byte can move from one to the next. Text is
 * gathered up to the next bytes: a call for each field would cost more than the sum itself.
 */
export function checksum(...fields: (string | number | Buffer | null)[]): number {
  let sum = 0;
  let text = '';
  for (const field of fields) {
    if (field === null) text += '-1 ';
    else if (typeof field === 'string') text += `${Buffer.byteLength(field)} ${field}`;
    else if (typeof field === 'number') text += `${`${field}`.length} ${field}`;
    else {
      sum = crc32(`${text}${field.length} `, sum);
      text = '';
      // Of no bytes zlib gives what it likes.
      if (field.length > 0) sum = crc32(field, sum);
    }
  }
  return text === '' ? sum : crc32(text, sum);
}
