import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packTar } from '../../src/media/tar.js';
import { parseTarAddress, tarAddress } from '../../src/media/tar-address.js';
import { sparse, tarMembers } from '../../src/media/tar-members.js';
import { testFolder } from './make-media.js';

const folder = await testFolder();
let count = 0;

async function read(tar: Uint8Array, from = 0) {
  const path = join(folder, `${count++}.tar`);
  await writeFile(path, tar);
  const handle = await open(path);
  const found: [name: string, bytes: string, header: number][] = [];
  try {
    for await (const { name, at, size, header } of tarMembers(handle, tar.length, { from, where: 'the.tar' }))
      found.push([name, Buffer.from(tar).toString('utf8', at, at + size), header]);
  } finally {
    await handle.close();
  }
  return found;
}

/** Bytes of the first header are changed, and its checksum is made right again. */
async function withHeader(at: number, bytes: string): Promise<Buffer> {
  const tar = Buffer.from(await packTar([{ name: 'a.png', bytes: Buffer.from('aaa') }]));
  tar.write(bytes, at, 'latin1');
  const sum = tar.subarray(0, 512).reduce((total, byte, n) => total + (n >= 148 && n < 156 ? 32 : byte), 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return tar;
}

describe('the members of a tar', () => {
  const long = `${'d'.repeat(120)}/${'e'.repeat(120)}/été.png`;

  it.each(['gnu', 'pax', 'ustar'])('are found by their headers, as tar writes them (%s)', async (format) => {
    const names = format === 'ustar' ? ['a.png', 'sub/b.txt'] : ['a.png', 'sub/b.txt', long];
    for (const name of names) {
      await mkdir(dirname(join(folder, format, name)), { recursive: true });
      await writeFile(join(folder, format, name), `bytes of ${name}`);
    }
    const tar = join(folder, `${format}.tar`);
    execFileSync('tar', ['--format', format, '-cf', tar, ...names], { cwd: join(folder, format) });
    const found = await read(await readFile(tar));
    expect(found.map(([name, bytes]) => [name, bytes])).toEqual(names.map((name) => [name, `bytes of ${name}`]));
    // From its own headers on each is found again, a long name included.
    for (const one of found) expect((await read(await readFile(tar), one[2]))[0]).toEqual(one);
  });

  it.each(['gnu', 'pax'])('are told of where they are sparse, and those behind them are found (%s)', async (format) => {
    const [name, tar] = ['holes.mp4', join(folder, `sparse-${format}.tar`)];
    const file = await open(join(folder, name), 'w');
    // More parts than a header has room for, and than the first block behind it.
    for (let part = 0; part < 60; part++) await file.write('part', part * 1e6);
    await file.close();
    await writeFile(join(folder, 'behind.txt'), 'whole');
    execFileSync('tar', ['--format', format, '--sparse', '-cf', tar, name, 'behind.txt'], { cwd: folder });
    const handle = await open(tar);
    const found: unknown[] = [];
    for await (const { name, obstacle } of tarMembers(handle, (await handle.stat()).size, { where: tar }))
      found.push([name, obstacle]);
    await handle.close();
    expect(found).toEqual([
      [name, sparse],
      ['behind.txt', undefined],
    ]);
  });

  it('are found where a tar ends without its end, and none in an empty one', async () => {
    const tar = await packTar([{ name: 'a.png', bytes: Buffer.from('aaa') }]);
    expect(await read(tar.subarray(0, 1024))).toEqual([['a.png', 'aaa', 0]]);
    expect(await read(Buffer.alloc(0))).toEqual([]);
    expect(await read(Buffer.alloc(10_240))).toEqual([]);
  });

  it.each([
    ['text', async () => Buffer.from('no tar at all\n'.repeat(100)), 'bytes that are none'],
    ['one that is cut in a header', async () => (await withHeader(0, 'a')).subarray(0, 300), 'it is cut short'],
    ['one that is cut in a member', async () => (await withHeader(0, 'a')).subarray(0, 514), 'found 2'],
    ['a size of 8 GiB', async () => withHeader(124, '77777777777\0'), 'expected 8589934591 bytes'],
    ['a size that is no number', async () => withHeader(124, '-0000000001\0'), 'the size of a member'],
    ['a binary size without end', async () => withHeader(124, `\x80${'\xff'.repeat(11)}`), 'the size of a member'],
    ['a header that claims a gigabyte', async () => withHeader(124, '10000000000\0'.padEnd(32, '\0').concat('x')), ''],
  ])('of %s are refused with the place', async (_, make, says) => {
    await expect(read(await make())).rejects.toMatchObject({
      code: 'MEDIA_DAMAGED',
      message: expect.stringContaining(says),
      where: expect.stringMatching(/^the\.tar, byte \d+$/),
    });
  });

  it('have an address that gives back its parts, and nothing else does', () => {
    const parts = { path: '/media/50%#23/a.tar', header: 1536, name: 'x/#1.png' };
    expect(parseTarAddress(tarAddress(parts))).toEqual(parts);
    for (const uri of [
      'tar:',
      'tar:/a.tar',
      'tar:/a.tar#x/b',
      'tar:/a.tar#1',
      'tar:#1/b',
      'tar:/a.tar#-1/b',
      'a.tar#1/b',
    ])
      expect(parseTarAddress(uri), uri).toBeNull();
  });
});
