import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { mediaFiles } from '../../../src/app/ingest/media-files.js';
import { tellPassedOver } from '../../../src/cli/commands/passed-over.js';
import { isoFile, quartered } from '../../media/make-images.js';
import { testFolder } from '../../media/make-media.js';

const all = await testFolder();
const png = await quartered().png().toBuffer();
let count = 0;
/** A fresh folder with these files. */
async function folderOf(files: Record<string, string | Buffer>): Promise<string> {
  const folder = join(all, `${count++}`);
  await mkdir(folder);
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  return folder;
}
/** What is taken and what is passed over, with names from the folder on. */
async function found(folder: string, paths = [folder]) {
  const { media, passedOver } = await mediaFiles(paths);
  return {
    taken: media.map(({ path }) => relative(folder, path)),
    captions: Object.fromEntries(media.map(({ path, caption }) => [relative(folder, path), caption])),
    passed: Object.fromEntries(
      passedOver.flatMap(({ reason, names }) => names.map((name) => [relative(folder, name), reason])),
    ),
  };
}

describe('a folder of media', () => {
  it('[media F22] is taken by its bytes where a name does not say enough, and the rest is named', async () => {
    const transport = Buffer.alloc(188 * 4);
    for (let n = 0; n < 4; n++) transport[188 * n] = 0x47;
    const bluray = Buffer.alloc(192 * 4, 1);
    for (let n = 0; n < 4; n++) bluray[192 * n + 4] = 0x47;
    const hex = (start: string) => Buffer.concat([Buffer.from(start, 'hex'), Buffer.alloc(60, 7)]);
    const taken = {
      'ok.jpg': png,
      'a.jfif': await quartered().jpeg().toBuffer(),
      'b.bmp': hex('424d360000000000'),
      'c.3gp': isoFile('3gp5', 'isom'),
      'd.mts': bluray,
      'e.m2ts': bluray,
      'f.ts': transport,
      'g.mxf': hex('060e2b34020501010d0102'),
      'h.vob': hex('000001ba4400'),
      'i.asf': hex('3026b2758e66cf11a6d9'),
      'j.rm': hex('2e524d4600000012'),
      'k.f4v': isoFile('f4v ', 'isom'),
      'l.apng': png,
      's.h264': hex('000000016764'),
      't.264': hex('0000010605ff'),
      'u.hevc': hex('000000014601'),
      'no-ending': png,
    };
    const passed = {
      'm.heic': [isoFile('heic', 'mif1'), 'a HEIC image'],
      'n.jxl': [Buffer.from('ff0afa1f0190', 'hex'), 'a JPEG XL image'],
      'o.jp2': [Buffer.from('0000000c6a5020200d0a870a', 'hex'), 'a JPEG 2000 image'],
      'p.psd': ['8BPS\0\x01\0\0', 'a Photoshop document (PSD)'],
      'q.svg': ['<svg xmlns="x"/>', 'an SVG drawing'],
      'r.ts': ['export const typescript = 1;\n', 'text'],
      'README.md': ['# Foxes', 'text'],
      'list.csv': ['url,text\n', 'a table (`vimi ingest FILE` takes the media that it names)'],
      'list.jsonl': ['{}\n', 'a table (`vimi ingest FILE` takes the media that it names)'],
      'part-0': ['PAR1xxxxPAR1', 'a table (`vimi ingest FILE` takes the media that it names)'],
      'set.tar': ['', 'a tar (`vimi ingest FILE` takes the media in it)'],
      'set.tar.gz': [hex('1f8b08'), 'a tar (`vimi ingest FILE` takes the media in it)'],
      'film.mp4.part': [png, 'an unfinished copy or download, by its name'],
      'fox-thumbnail-0123456789abcdef.webp': [png, 'a still of a video that vimi made, by its name'],
      'fox-spritesheet-0123456789abcdef.webp': [png, 'a still of a video that vimi made, by its name'],
      'archive.zip': ['PK\x03\x04\0\0', 'a ZIP archive'],
      empty: ['', 'an empty file'],
      'other.dat': [Buffer.from([1, 2, 3, 200, 0]), 'bytes of no kind that is known here'],
      '.hidden.png': [png, 'hidden'],
      '.git/image.png': [png, 'hidden'],
    } as const;
    const folder = await folderOf({
      ...taken,
      ...Object.fromEntries(Object.entries(passed).map(([name, [bytes]]) => [name, bytes])),
    });
    const { taken: names, passed: reasons } = await found(folder);
    expect(names).toEqual(Object.keys(taken).sort());
    const wanted = Object.fromEntries(Object.entries(passed).map(([name, [, reason]]) => [name, reason]));
    const { '.git/image.png': hidden, ...others } = wanted;
    expect(reasons).toEqual({ ...others, '.git': hidden });
  });

  it.runIf(process.platform === 'linux')(
    '[media F3] goes on past names that are not UTF-8, unreadable folders, pipes and links to nothing',
    async () => {
      const folder = await folderOf({ 'ok.jpg': png, 'sub/also.png': png, 'closed/in.png': png });
      for (const name of ['636166e92e6a7067', 'e9e9', 'ff2e706e67'])
        await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'hex')]), png);
      execFileSync('mkfifo', [join(folder, 'pipe.png')]);
      await symlink('nowhere.png', join(folder, 'broken.png'));
      await symlink('loop.png', join(folder, 'loop.png'));
      await symlink('.', join(folder, 'again'));
      const isRoot = process.getuid?.() === 0;
      if (!isRoot) await chmod(join(folder, 'closed'), 0);
      const { taken, passed } = await found(folder);
      if (!isRoot) await chmod(join(folder, 'closed'), 0o700);
      expect(taken).toEqual([...(isRoot ? ['closed/in.png'] : []), 'ok.jpg', 'sub/also.png']);
      expect(passed).toEqual({
        'caf\\xe9.jpg': 'a name that is not UTF-8 (rename it)',
        '\\xe9\\xe9': 'a name that is not UTF-8 (rename it)',
        '\\xff.png': 'a name that is not UTF-8 (rename it)',
        'pipe.png': 'a pipe, socket or device',
        'broken.png': 'a file that does not exist (any more), or a broken link',
        'loop.png': 'a link that leads to itself',
        again: 'a folder that was read already under another name',
        ...(!isRoot && { closed: 'a file or folder that this user may not read' }),
      });
    },
  );

  it('[media F21] follows links, as a cache lays them, under their own names and once', async () => {
    const folder = await folderOf({ 'blobs/blob1': png, 'blobs/cap1': 'a fox' });
    await mkdir(join(folder, 'snapshots/1'), { recursive: true });
    await symlink('../../blobs/blob1', join(folder, 'snapshots/1/pic1.jpg'));
    await symlink('../../blobs/blob1', join(folder, 'snapshots/1/pic2.jpg'));
    await symlink('../../blobs/cap1', join(folder, 'snapshots/1/pic1.txt'));
    const { taken, passed } = await found(folder);
    expect(taken).toEqual(['snapshots/1/pic1.jpg', 'snapshots/1/pic2.jpg']);
    expect(passed).toEqual({ 'blobs/blob1': 'the target of a link that was accepted', 'blobs/cap1': 'text' });
    expect((await found(folder, [join(folder, 'snapshots')])).taken).toEqual(taken);
  });

  it('takes a file that has a caption under its own name, and its links not again', async () => {
    const table = 'file_name,caption\ndog.png,a dog\n';
    const folder = await folderOf({
      ...{ 'fox.png': png, 'fox.txt': 'a fox', 'dog.png': png, 'owl.png': png },
      'metadata.csv': table,
    });
    for (const name of ['fox', 'dog', 'owl']) await symlink(`${name}.png`, join(folder, `a-${name}.png`));
    const { taken, captions, passed } = await found(folder);
    expect(taken).toEqual(['a-owl.png', 'dog.png', 'fox.png']);
    expect(captions['dog.png']).toBe('a dog');
    expect(passed).toEqual({
      'a-dog.png': 'a link to a file that was accepted',
      'a-fox.png': 'a link to a file that was accepted',
      'owl.png': 'the target of a link that was accepted',
    });
  });

  it('[use U14] texts beside media are no media, whatever their letters', async () => {
    const folder = await folderOf({
      ...{ 'UPPER.PNG': png, 'UPPER.TXT': 'a', 'a.jpg': png, 'a.jpg.txt': 'b', 'b.jpg': png, 'b.json': '{}' },
      'alone.txt': 'nobody',
    });
    const { taken, passed } = await found(folder);
    expect(taken).toEqual(['UPPER.PNG', 'a.jpg', 'b.jpg']);
    expect(passed).toEqual({ 'alone.txt': 'text' });
  });

  it('[kind 8] a file that is named is taken whatever it is, and one that is not there is an error', async () => {
    const folder = await folderOf({ 'notes.bin': 'no medium' });
    expect((await found(folder, [join(folder, 'notes.bin')])).taken).toEqual(['notes.bin']);
    await expect(mediaFiles([join(folder, 'missing.png')])).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' });
  });

  it('that a pattern names file by file is what the folder is: texts are no media', async () => {
    const names = ['fox.png', 'fox.txt', 'fox.json', 'owl.txt', 'notes.md', 'list.json'];
    const folder = await folderOf({
      ...Object.fromEntries(names.map((name) => [name, 'a text'])),
      'fox.png': png,
      'owl.txt': png,
    });
    const { taken, passed } = await found(
      folder,
      names.map((name) => join(folder, name)),
    );
    expect(taken).toEqual(['fox.png', 'owl.txt']);
    expect(passed).toEqual({
      'notes.md': 'text',
      'list.json': 'JSON (a manifest is JSONL: one object on each line)',
    });
  });

  it('[kind 8] is told of in one line a reason, with the first names', async () => {
    const folder = await folderOf({
      'a.heic': isoFile('heic'),
      'b.heic': isoFile('heic'),
      'c.heic': isoFile('heic'),
      'd.heic': isoFile('heic'),
      'x.zip': 'PK\x03\x04',
    });
    const chunks: string[] = [];
    const out = new Writable({
      write(chunk, _, done) {
        chunks.push(`${chunk}`);
        done();
      },
    });
    const passed = (await mediaFiles([folder])).passedOver.map((one) => ({ ...one, count: one.names.length }));
    tellPassedOver(passed, out);
    expect(chunks.join('')).toBe(
      `skipped 4: a HEIC image (${folder}/a.heic, ${folder}/b.heic, ${folder}/c.heic, and 1 more)\nskipped 1: a ZIP archive (${folder}/x.zip)\n`,
    );
  });
});

describe('a table of captions', () => {
  it('metadata.csv with a caption that has a comma and no quotes: it is told, and not cut', async () => {
    const folder = await folderOf({
      'metadata.csv': 'file_name,caption\na.png,a fox, running\nb.png,an owl,\n',
      'a.png': png,
      'b.png': png,
    });
    const { media, passedOver } = await mediaFiles([folder]);
    expect(media.map(({ caption }) => caption)).toEqual([undefined, 'an owl']);
    expect(passedOver.map(({ reason }) => reason)).toContain(
      'a table of captions with a row with more cells than the first line names: quote texts with commas',
    );
  });

  it('a name with .tar. in it is no tar for that', async () => {
    const folder = await folderOf({ 'two.tar.png': png, 'two.tar.txt': 'a fox' });
    const { media, passedOver } = await mediaFiles([folder]);
    expect(media.map(({ path }) => path)).toEqual([join(folder, 'two.tar.png')]);
    expect(passedOver).toEqual([]);
  });

  it('[use U14] metadata.csv, with quotes, line breaks, a byte order mark and files in subfolders', async () => {
    const table =
      '\ufefffile_name,label,text\na.png,1,"A ""red"" fox,\nrunning"\nsub/b.png,2,An owl\nc.png,3,\ngone.png,4,A ghost\n';
    const folder = await folderOf({
      'metadata.csv': table,
      'a.png': png,
      'sub/b.png': png,
      'c.png': png,
      'd.png': png,
    });
    const { captions, passed } = await found(folder);
    expect(captions).toEqual({
      'a.png': 'A "red" fox,\nrunning',
      'sub/b.png': 'An owl',
      'c.png': undefined,
      'd.png': undefined,
    });
    expect(passed).toEqual({ 'gone.png': 'named in metadata.csv, and no medium is there' });
    // Named one by one, too.
    expect((await found(folder, [join(folder, 'a.png')])).captions).toEqual({ 'a.png': 'A "red" fox,\nrunning' });
  });

  it('[use U14] metadata.jsonl, whose bad lines are named; a text beside a medium goes before it', async () => {
    const lines = [
      '{"file_name": "a.png", "caption": "A fox"}',
      'no JSON',
      '',
      '{"file_name": "b.png", "caption": "An owl"}',
    ];
    const folder = await folderOf({
      'metadata.jsonl': lines.join('\n'),
      'a.png': png,
      'b.png': png,
      'b.txt': 'A wise owl',
    });
    const { captions, passed } = await found(folder);
    expect(captions).toEqual({ 'a.png': 'A fox', 'b.png': undefined });
    expect(passed).toEqual({ 'metadata.jsonl': 'a table of captions with a line that is not JSON' });
  });

  it('one that is too large is named, and not read', async () => {
    const folder = await folderOf({ 'metadata.csv': 'file_name,caption\na.png,a fox\n', 'a.png': png });
    await truncate(join(folder, 'metadata.csv'), 256 * 1024 ** 2 + 1);
    const { taken, captions, passed } = await found(folder);
    expect(taken).toEqual(['a.png']);
    expect(captions['a.png']).toBeUndefined();
    expect(passed['metadata.csv']).toContain('at most 268435456 bytes');
  });

  it.runIf(process.platform === 'linux')('a pipe in the place of one is named, and not waited for', async () => {
    const folder = await folderOf({ 'a.png': png });
    execFileSync('mkfifo', [join(folder, 'metadata.csv')]);
    const { taken, passed } = await found(folder);
    expect(taken).toEqual(['a.png']);
    expect(passed['metadata.csv']).toContain('found a pipe, socket or device');
  });

  it('[kind 8] one that cannot be read is named, and keeps nothing from being taken', async () => {
    for (const [bytes, why] of [
      [Buffer.from([0x66, 0x69, 0x6c, 0x65, 0xe9, 0x0a]), 'cannot be read'],
      ['file_name,caption\n"a.png,never closed\n', 'cannot be read'],
      ['name,words\na.png,a fox\n', 'without file_name'],
      [`file_name,caption\na.png,${'x'.repeat(4001)}\n`, 'file_name'],
    ] as const) {
      const folder = await folderOf({ 'metadata.csv': bytes, 'a.png': png });
      const { taken, passed } = await found(folder);
      expect(taken).toEqual(['a.png']);
      expect(passed['metadata.csv']).toContain(why);
    }
  });
});
