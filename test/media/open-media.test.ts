import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { VimiError } from '../../src/core/errors.js';
import { imageAsWebp } from '../../src/media/images.js';
import { openMedia, openOwn, readStart, withMedia } from '../../src/media/open-media.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { thrownBy } from '../operators/run-operator.js';
import { makeVideo, never, testFolder } from './make-media.js';

const folder = await testFolder();
const root = join(folder, 'allowed');
const outside = join(folder, 'outside');
await mkdir(root);
await mkdir(outside);
const onLinux = process.platform === 'linux';

async function textOf(path: string): Promise<string> {
  const medium = await openMedia(path, path, [root]);
  try {
    return (await readStart(medium.handle, 100)).toString();
  } finally {
    await medium.close();
  }
}

describe('a medium is opened once', () => {
  it('[safety S4] [safety S15] a parent folder that is swapped for a link never opens what lies outside', async () => {
    const [inner, away, link] = [join(root, 'inner'), join(root, 'away'), join(root, 'link')];
    await mkdir(inner);
    await writeFile(join(inner, 'a.png'), 'inside');
    await writeFile(join(outside, 'a.png'), 'outside');
    await symlink(outside, link);
    const swap = `const { renameSync: mv } = require('node:fs');
      const [inner, away, link] = process.argv.slice(1);
      for (;;) { mv(inner, away); mv(link, inner); mv(inner, link); mv(away, inner); }`;
    const swapping = spawn(process.execPath, ['-e', swap, inner, away, link]);
    const seen = new Map<string, number>();
    // It is a race: until both sides were met often, and each name has been tried often enough.
    for (let n = 0; n < 3000 || !seen.has('inside') || !seen.has('MEDIA_FORBIDDEN'); n++) {
      const said = await textOf(join(inner, 'a.png')).catch((error: VimiError) => error.code);
      seen.set(said, (seen.get(said) ?? 0) + 1);
    }
    swapping.kill('SIGKILL');
    await once(swapping, 'exit');
    expect([...seen.keys()].sort()).not.toContain('outside');
  });

  it('[safety S4] a link in place of the file is not followed once the path was checked', async () => {
    await writeFile(join(outside, 'secret'), 'outside');
    await symlink(join(outside, 'secret'), join(root, 'secret'));
    expect((await thrownBy(() => openMedia(join(root, 'secret'), 'x', [root]))).code).toBe('MEDIA_FORBIDDEN');
    expect((await thrownBy(() => openOwn(join(root, 'secret'), 'x'))).code).toBe('MEDIA_FORBIDDEN');
  });

  it('[media F21] links within the roots are followed', async () => {
    await writeFile(join(root, 'blob'), 'a blob');
    await symlink('blob', join(root, 'linked.png'));
    expect(await textOf(join(root, 'linked.png'))).toBe('a blob');
  });

  it.runIf(onLinux)('[safety S4] sharp and ffprobe read what was opened, though its name leads elsewhere', async () => {
    const red = sharp({ create: { width: 8, height: 6, channels: 3, background: '#ff0000' } });
    const large = sharp({ create: { width: 80, height: 60, channels: 3, background: '#0000ff' } });
    const path = join(root, 'swapped.png');
    await red.png().toFile(path);
    const medium = await openMedia(path, path, [root]);
    await rm(path);
    await large.png().toFile(join(outside, 'large.png'));
    await symlink(join(outside, 'large.png'), path);
    expect((await sharp(await imageAsWebp(medium.path, 512)).metadata()).width).toBe(8);
    await medium.close();

    const video = join(root, 'swapped.mp4');
    await rename(await makeVideo(folder, 'small.mp4', { width: 32, height: 24, scenes: [6] }), video);
    await rename(await makeVideo(folder, 'other.mp4', { width: 64, height: 48, scenes: [6] }), join(outside, 'o.mp4'));
    const opened = await openMedia(video, video, [root]);
    await rm(video);
    await symlink(join(outside, 'o.mp4'), video);
    expect(await probeMedia(opened.path, { maxPixels: 1e6, signal: never })).toMatchObject({ width: 32, height: 24 });
    await opened.close();
  });

  it('[safety S4] two images that are read through the same handle number are two images', async () => {
    for (const [n, colour] of [
      [3, '#ff0000'],
      [5, '#0000ff'],
    ] as const) {
      const path = join(root, `same-${n}.png`);
      await sharp({ create: { width: n, height: n, channels: 3, background: colour } })
        .png()
        .toFile(path);
      const medium = await openMedia(path, path, [root]);
      expect((await sharp(await imageAsWebp(medium.path, 512)).metadata()).width).toBe(n);
      await medium.close();
    }
  });
});

describe('a medium that was opened before', () => {
  const file = async (name: string) => {
    const path = join(root, name);
    await writeFile(path, 'as it was');
    const { identity, close } = await openMedia(path, 'its uri', [root]);
    await close();
    return { path, uri: 'its uri', identity };
  };
  const changed = {
    code: 'MEDIA_DAMAGED',
    where: 'its uri',
    summary: expect.stringContaining('changed while it was processed'),
  };

  it('is read, and named by its uri in what is said of it', async () => {
    const known = await file('known');
    expect(await withMedia(known, (path) => readFile(path, 'utf8'))).toBe('as it was');
    const error = await thrownBy(() => withMedia(known, (path) => probeMedia(path, { maxPixels: 1, signal: never })));
    expect(error).toMatchObject({ code: 'MEDIA_UNSUPPORTED', where: 'its uri' });
    expect(JSON.stringify([error.message, error.found])).not.toContain('/proc');
  });

  it('[safety S4] is refused when another file, a link or nothing is in its place', async () => {
    for (const replace of [
      async (path: string) => writeFile(path, 'as it is!'),
      async (path: string) => symlink(join(root, 'known'), path),
      async () => {},
    ]) {
      const known = await file('replaced');
      await rm(known.path);
      await replace(known.path);
      expect(await thrownBy(() => withMedia(known, async () => 1))).toMatchObject(changed);
      await rm(known.path, { force: true });
    }
  });

  it('[safety S15] is refused when it is written to while it is worked on', async () => {
    const known = await file('written');
    const write = () => writeFile(known.path, 'longer than it was');
    expect(await thrownBy(() => withMedia(known, write))).toMatchObject(changed);
    // Whatever the work made of it.
    const other = await file('written');
    const failing = async () => {
      await writeFile(other.path, 'longer than it was, again');
      throw new Error('half of it is missing');
    };
    expect(await thrownBy(() => withMedia(other, failing))).toMatchObject(changed);
  });
});

describe.skipIf(process.platform === 'win32')('what is no file is refused at once', () => {
  it('[safety S5] a pipe, a socket, a device and a folder', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    const server = createServer();
    await new Promise<void>((listening) => server.listen(join(root, 'socket'), listening));
    for (const path of [join(root, 'pipe'), join(root, 'socket'), root])
      expect((await thrownBy(() => openMedia(path, path, [root]))).code, path).toBe('MEDIA_UNSUPPORTED');
    for (const device of ['/dev/zero', '/dev/null', '/dev/tty'])
      expect((await thrownBy(() => openMedia(device, device, ['/dev']))).code, device).toMatch(
        /MEDIA_UNSUPPORTED|MEDIA_FORBIDDEN/,
      );
    await new Promise((closed) => server.close(closed));
  });

  it('[safety S5] pipes that took the place of files leave the threads free', async () => {
    const known = await Promise.all(
      [...Array(16).keys()].map(async (n) => {
        const path = join(root, `was-a-file-${n}`);
        await writeFile(path, 'a file');
        const { identity, close } = await openMedia(path, path, [root]);
        await close();
        await rm(path);
        execFileSync('mkfifo', [path]);
        return { path, uri: path, identity };
      }),
    );
    const all = Promise.all(known.map((file) => thrownBy(() => withMedia(file, async () => 1))));
    expect((await all).map(({ code }) => code)).toEqual(known.map(() => 'MEDIA_DAMAGED'));
    await pause(0);
    expect(await readFile(join(root, 'blob'), 'utf8')).toBe('a blob');
  });
});
