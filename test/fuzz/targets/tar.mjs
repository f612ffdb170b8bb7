// @ts-nocheck: a plain script
/** Tars of media and of samples, read by their headers. */

import { contentsOf, packTar } from '../../../dist/media/tar.js';
import { tarMembers } from '../../../dist/media/tar-members.js';

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
