import { appendFile, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PassedOver } from '../../../src/app/ingest/passed-over.js';
import { type WatchOptions, watchedFolders } from '../../../src/app/ingest/watched-folders.js';
import { quartered } from '../../media/make-images.js';
import { testFolder } from '../../media/make-media.js';

const root = await testFolder();
const outside = await testFolder();
const png = await quartered().png().toBuffer();
const topology = { mediaRoots: [root], file: 'topology.yaml' };

/** A folder that is watched, look by look. */
async function watching(name: string, more: Partial<WatchOptions> = {}) {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const end = new AbortController();
  let next = () => {};
  let looked = () => {};
  const source = await watchedFolders([folder], {
    ...{ topology, signal: end.signal },
    ...more,
    pause: () =>
      new Promise((resolve) => {
        next = resolve;
        looked();
      }),
  });
  const offered: { uri: string; caption?: string; version: string }[] = [];
  const passedOver = new PassedOver();
  const first = new Promise<void>((resolve) => {
    looked = resolve;
  });
  const reading = (async () => {
    for await (const medium of source.media(passedOver)) offered.push(medium);
  })();
  await first;
  return {
    folder,
    passedOver,
    put: async (file: string, bytes: string | Buffer) => {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), bytes);
    },
    /** What so many further looks offer, by name. */
    async looks(times = 1) {
      offered.splice(0);
      for (let n = 0; n < times; n++) {
        const done = new Promise<void>((resolve) => {
          looked = resolve;
        });
        next();
        await done;
      }
      return offered.map(({ uri }) => relative(folder, uri));
    },
    offered,
    async stop() {
      end.abort();
      next();
      await reading;
    },
  };
}

describe('a folder that is watched', () => {
  it('offers what is there and what comes, each once, as soon as it is whole', async () => {
    const watched = await watching('whole');
    await watched.put('old.png', png);
    expect(await watched.looks(2)).toEqual(['old.png']);
    await watched.put('deep/new.png', png.subarray(0, 40));
    expect(await watched.looks()).toEqual([]);
    await appendFile(join(watched.folder, 'deep/new.png'), png.subarray(40, 60));
    expect(await watched.looks()).toEqual([]);
    await appendFile(join(watched.folder, 'deep/new.png'), png.subarray(60));
    expect(await watched.looks()).toEqual([]);
    expect(await watched.looks()).toEqual(['deep/new.png']);
    expect(await watched.looks(3)).toEqual([]);
    await watched.stop();
  });

  it('offers again what has changed: the file, the text beside it, the table above it', async () => {
    const watched = await watching('changed');
    for (const name of ['a.png', 'b.png', 'c.png', 'd.png']) await watched.put(name, png);
    await watched.put('b.txt', 'a square');
    await watched.put('metadata.csv', 'file_name,caption\nc.png,four squares\n');
    expect(await watched.looks(2)).toEqual(['a.png', 'b.png', 'c.png', 'd.png']);
    const versions = new Map(watched.offered.map(({ uri, version }) => [uri, version]));
    // The same length: the time of change tells.
    await watched.put('b.txt', 'a circle');
    await utimes(join(watched.folder, 'b.txt'), new Date(), new Date(1_800_000_000_000));
    await watched.put('a.png', Buffer.concat([png, png]));
    await watched.put('metadata.csv', 'file_name,caption\nc.png,four circles\n');
    expect(await watched.looks(2)).toEqual(['a.png', 'b.png', 'c.png']);
    expect(watched.offered.map(({ caption }) => caption)).toEqual([undefined, undefined, 'four circles']);
    for (const { uri, version } of watched.offered) expect(version).not.toBe(versions.get(uri));
    await watched.stop();
  });

  it('takes no harm from what is renamed, removed, linked out, or not finished', async () => {
    const watched = await watching('harm');
    await watched.put('a.png', png);
    await watched.put('b.png', png);
    await writeFile(join(outside, 'secret.png'), png);
    await symlink(join(outside, 'secret.png'), join(watched.folder, 'link.png'));
    await watched.put('film.mp4.part', png);
    await watched.put('notes.rtf', '{\\rtf1 hello}');
    expect(await watched.looks(2)).toEqual(['a.png', 'b.png']);
    await rename(join(watched.folder, 'a.png'), join(watched.folder, 'z.png'));
    await rm(join(watched.folder, 'b.png'));
    await watched.put('c.png', png);
    expect(await watched.looks()).toEqual([]);
    await rm(join(watched.folder, 'c.png'));
    expect(await watched.looks(2)).toEqual(['z.png']);
    await rename(join(watched.folder, 'film.mp4.part'), join(watched.folder, 'film.mp4'));
    expect(await watched.looks(3)).toEqual(['film.mp4']);
    const passed = watched.passedOver
      .list()
      .map(({ reason, count, names }) => [relative(watched.folder, names[0]!), reason, count]);
    expect(passed.sort()).toEqual([
      ['film.mp4.part', 'an unfinished copy or download, by its name', 1],
      ['link.png', 'links out of media_roots', 1],
      ['notes.rtf', expect.any(String), 1],
    ]);
    await watched.stop();
  });

  it('waits for a folder that is away, and does not offer again what it had', async () => {
    const away: string[] = [];
    const watched = await watching('share', { onAway: (folder) => away.push(folder) });
    await watched.put('a.png', png);
    expect(await watched.looks(2)).toEqual(['a.png']);
    await rename(watched.folder, join(root, 'unplugged'));
    expect(await watched.looks(2)).toEqual([]);
    expect(away).toEqual([watched.folder]);
    await rename(join(root, 'unplugged'), watched.folder);
    await watched.put('b.png', png);
    expect(await watched.looks(2)).toEqual(['b.png']);
    await watched.stop();
  });

  it.each([
    ['a file', join(root, 'file.png'), 'USAGE'],
    ['an address', 'https://media.example/', 'USAGE'],
    ['nothing', join(root, 'nowhere'), 'MEDIA_NOT_FOUND'],
    ['a folder elsewhere', outside, 'MEDIA_FORBIDDEN'],
  ])('is not %s', async (_, name, code) => {
    await writeFile(join(root, 'file.png'), png);
    const signal = new AbortController().signal;
    await expect(watchedFolders([name], { topology, signal })).rejects.toMatchObject({ code });
  });
});
