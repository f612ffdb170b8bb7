/** The digest of a corpus, 32 hex digits, when a document comes or goes: the XOR of the first 16 bytes of the ids. */
export function xorDigest(digest: string, id: string): string {
  return (BigInt(`0x${digest}`) ^ BigInt(`0x${id.slice(0, 32)}`)).toString(16).padStart(32, '0');
}
