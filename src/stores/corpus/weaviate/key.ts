import { createHash } from 'node:crypto';

/** Of all keys here; any other name space would do, as long as it never changes. */
const space = Buffer.from('9c1c1d0e5a0b4c0fa7a5b36b0e7d2f41', 'hex');

/** The UUID (version 5) of a name: the engine keeps an object under a UUID, and one document is one object. */
export function keyOf(name: string): string {
  const hash = createHash('sha1').update(space).update(name).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** A text of any length as one short token: what only has to be equal is indexed as this. */
export function tokenOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
