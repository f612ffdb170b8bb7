import type { ByteReader } from './byte-reader.js';

/*
 * The flexible versions of Kafka's requests: lengths are varints, one more than they say, and tags may follow each structure.
 * A request of such a version begins with the tags of its header, which the driver does not write.
 */

export const noTags = Buffer.from([0]);

export function compactText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([compactLength(bytes.length), bytes]);
}

/** Unsigned varint of the length plus one: zero stands for null. */
export function compactLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length + 1;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

export function readCompactText(reader: ByteReader): string {
  return reader.bytes(Math.max(0, reader.uvarint() - 1)).toString('utf8');
}

export function passTags(reader: ByteReader): void {
  for (let count = reader.uvarint(); count > 0; count--) {
    reader.uvarint();
    reader.skip(reader.uvarint());
  }
}
