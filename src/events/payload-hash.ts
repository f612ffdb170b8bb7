import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** SHA-256 of what an event says, in hex: equal data, however it was written, have equal hashes. */
export function payloadHash(data: unknown): string {
  return createHash('sha256').update(canonicalJson(data)).digest('hex');
}
