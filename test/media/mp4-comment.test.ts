import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { withComment } from '../../src/media/mp4-comment.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { mediaTools } from '../../src/media/tools.js';
import { convert, makeVideo, never, testFolder } from './make-media.js';

const folder = await testFolder();

/** What ffprobe, as any other reader, sees. */
async function commentOf(path: string): Promise<string | undefined> {
  const arguments_ = ['-v', 'error', '-print_format', 'json', '-show_format', `file:${path}`];
  const { stdout } = await promisify(execFile)(mediaTools().ffprobe.path, arguments_, { maxBuffer: 1 << 24 });
  return JSON.parse(stdout).format.tags?.comment;
}

it.each([
  ['short', '{"a":1}'],
  ['of odd characters', JSON.stringify({ text: 'a=b;c#d\\e\n"f" – 狐 🦊' })],
  ['long', JSON.stringify({ text: 'fox '.repeat(100_000) })],
])('a %s comment is read by others, and the frames stay', async (_, text) => {
  const path = await makeVideo(folder, 'comment.mp4', { scenes: [30] });
  const plain = await readFile(path);
  const pixels = async () => {
    const probe = await probeMedia(path, { maxPixels: 1e6, signal: never });
    const { frames, complaints } = await readFrames(path, probe, { width: 64, height: 48, fps: 12, signal: never });
    const all: Uint8Array[] = [];
    for await (const frame of frames) all.push(frame);
    expect(await complaints()).toBe('');
    return Buffer.concat(all);
  };
  const before = await pixels();
  expect(before.length).toBe(30 * 64 * 48 * 3);
  await writeFile(path, withComment(plain, text));
  const found = await commentOf(path);
  expect([found?.length, found === text]).toEqual([text.length, true]);
  expect((await pixels()).equals(before)).toBe(true);
});

it('takes the place of an earlier one', async () => {
  const plain = await readFile(await makeVideo(folder, 'twice.mp4', { scenes: [2] }));
  expect(withComment(withComment(plain, 'a longer one'), 'b').equals(withComment(plain, 'b'))).toBe(true);
});

it('refuses what is not such an MP4', async () => {
  expect(() => withComment(Buffer.from('no boxes in here at all'), 'x')).toThrow(/do not fit into each other/);
  const path = await makeVideo(folder, 'first.mp4', { scenes: [2] });
  const indexLast = await convert(folder, path, 'last.mp4', ['-c', 'copy']);
  expect(() => withComment(readFileSync(indexLast), 'x')).toThrow(/moov before mdat/);
});
