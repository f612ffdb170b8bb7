import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBounded } from '../../src/core/bounded-file.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-bounded-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (path: string, expected?: string) =>
  readBounded(path, {
    most: 10,
    unreadable: ['USAGE', 'It cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'It is too large'],
    expected,
  });

describe('a file within its bounds', () => {
  it('is read whole, up to its last byte, through a link too', async () => {
    const path = join(folder, 'ten');
    writeFileSync(path, '0123456789');
    symlinkSync(path, join(folder, 'link'));
    expect((await read(path)).toString()).toBe('0123456789');
    expect((await read(join(folder, 'link'))).toString()).toBe('0123456789');
    writeFileSync(path, '');
    expect(await read(path)).toHaveLength(0);
  });

  it('is refused with one byte more, in the words and the code of who reads it', async () => {
    const path = join(folder, 'eleven');
    writeFileSync(path, '');
    truncateSync(path, 11);
    await expect(read(path)).rejects.toMatchObject({
      code: 'MEDIA_TOO_LARGE',
      message: `It is too large: expected at most 10 bytes, found 11 (${path})`,
    });
  });

  it('is no folder, pipe or device, and is there', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const [path, found] of [
      [folder, 'a folder'],
      [pipe, 'a pipe, socket or device'],
      ['/dev/zero', 'a pipe, socket or device'],
    ])
      await expect(read(path!)).rejects.toMatchObject({
        code: 'USAGE',
        message: `It cannot be read: expected a file, found ${found} (${path})`,
      });
    await expect(read(join(folder, 'none'), 'a list')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/^It cannot be read: expected a list, found ENOENT/),
    });
  });
});
