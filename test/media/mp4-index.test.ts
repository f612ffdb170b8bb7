import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { commentOf, withComment } from '../../src/media/mp4-comment.js';
import { readIndex } from '../../src/media/mp4-index.js';
import { convert, makeVideo, testFolder } from './make-media.js';

const folder = await testFolder();

/** The index of `mp4`, and how many of its bytes were read for it. */
async function indexOf(mp4: Buffer, size = mp4.length) {
  let count = 0;
  const index = await readIndex(size, async (start, end) => {
    expect(end).toBeLessThanOrEqual(size);
    const bytes = mp4.subarray(start, end);
    count += bytes.length;
    return bytes;
  });
  return { index, count };
}

/** Far larger than what is read at once. */
const noise = Buffer.alloc(1 << 20, 7);

function longer(mp4: Buffer): Buffer {
  const free = Buffer.alloc(8);
  free.writeUInt32BE(noise.length + 8);
  free.write('free', 4, 'latin1');
  return Buffer.concat([mp4, free, noise]);
}

it.each([
  ['short', '{"a":1}'],
  ['longer than what is read at once', JSON.stringify({ text: 'fox '.repeat(50_000) })],
])('a comment that is %s is read without the rest of the file', async (_, text) => {
  const plain = await readFile(await makeVideo(folder, 'index.mp4', { scenes: [4] }));
  const mp4 = longer(withComment(plain, text));
  const { index, count } = await indexOf(mp4);
  expect(commentOf(index!)).toBe(text);
  expect(count).toBeLessThan(text.length + 200_000);
});

it('an index behind the frames is found by the heads of the boxes before it', async () => {
  const path = await makeVideo(folder, 'first.mp4', { scenes: [4] });
  const last = await convert(folder, path, 'last.mp4', ['-c', 'copy']);
  const plain = await readFile(last);
  const free = longer(Buffer.alloc(0));
  const { index, count } = await indexOf(Buffer.concat([free, plain]));
  expect(index?.toString('latin1', 4, 8)).toBe('moov');
  expect(index).toEqual((await indexOf(plain)).index);
  expect(count).toBeLessThan(200_000);
});

it('of what has no index, or not all of it, there is none', async () => {
  const mp4 = await readFile(await makeVideo(folder, 'cut.mp4', { scenes: [4] }));
  const foreign = [Buffer.alloc(0), Buffer.from('no boxes'), Buffer.alloc(100), mp4.subarray(0, 60), noise];
  for (const bytes of foreign) expect((await indexOf(bytes)).index).toBeNull();
  // The store has fewer bytes than it says.
  expect((await indexOf(mp4.subarray(0, 4), mp4.length)).index).toBeNull();
});
