// @ts-nocheck: a plain script
/** Tars of media and of samples, read by their headers. */

import { contentsOf, packTar } from '../../../dist/media/tar.js';
import { tarMembers } from '../../../dist/media/tar-members.js';

import { mutate } from '../mutate.mjs';

export const valid = async () => [
  await packTar([
    { name: 'fox.png', bytes: Buffer.alloc(700, 1) },
    { name: 'fox.txt', bytes: Buffer.from('a fox') },
  ]),
  await packTar([
    { name: `${'deep/'.repeat(40)}fox.png`, bytes: Buffer.alloc(10) },
    { name: 'füchse/fox.json', bytes: Buffer.from('{}') },
  ]),
];

/** Headers whose checksums fit again, where they stand at the places that their sizes say. */
export function change(bytes, other, random) {
  const made = Buffer.from(mutate(bytes, other, random));
  for (let at = 0; at + 512 <= made.length; ) {
    const size = Number.parseInt(made.toString('latin1', at + 124, at + 136), 8) || 0;
    made.fill(' ', at + 148, at + 156);
    const sum = made.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    if (sum === 8 * 32) made.fill(0, at + 148, at + 156);
    else made.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return made;
}

/** No tar at its first byte. */
export const isFirstCheck = ({ where }) => where === 'fuzz.tar, byte 0';

export async function run(bytes) {
  // What of a file handle is used of it.
  const file = {
    async read(buffer, offset, length, position) {
      const bytesRead = Math.max(0, Math.min(length, bytes.length - position));
      if (bytesRead > 0) bytes.copy(buffer, offset, position, position + bytesRead);
      return { bytesRead, buffer };
    },
  };
  contentsOf(bytes);
  let members = 0;
  for await (const { at, size, name } of tarMembers(file, bytes.length, { where: 'fuzz.tar' })) {
    if (at + size > bytes.length || size < 0) throw new Error(`a member beyond the end: ${name}`);
    if (++members > bytes.length / 512) throw new Error('more members than blocks');
  }
}
