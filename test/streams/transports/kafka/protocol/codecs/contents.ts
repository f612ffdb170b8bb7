import { createHash } from 'node:crypto';

/** What fixtures/frames.py packs: text of more than two blocks of 64 KiB, and bytes that no codec makes smaller. */
export const contents: Record<string, Buffer> = {
  text: Buffer.from(
    Array.from({ length: 9_000 }, (_, n) => `frame ${(n * n) % 97} of ${n % (n < 1_000 ? 1013 : 5)}\n`).join(''),
  ),
  noise: Buffer.concat(Array.from({ length: 16 }, (_, n) => createHash('sha256').update(String(n)).digest())),
};
