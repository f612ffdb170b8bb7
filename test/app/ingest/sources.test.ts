import { execFileSync } from 'node:child_process';
import { mkdir, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { type Asked, look } from '../../../src/app/ingest/look.js';
import { manifest } from '../../../src/app/ingest/manifest.js';
import { objectPrefix } from '../../../src/app/ingest/object-prefix.js';
import { type BrokenSource, offeredBy } from '../../../src/app/ingest/offered-by.js';
import { openSources } from '../../../src/app/ingest/open-sources.js';
import { PassedOver } from '../../../src/app/ingest/passed-over.js';
import { packTar } from '../../../src/media/tar.js';
import { parseTarAddress } from '../../../src/media/tar-address.js';
import { openFileStore } from '../../../src/stores/objects/files.js';
import { memoryObjects } from '../../../src/stores/objects/memory.js';
import type { ObjectsSpec, Profile } from '../../../src/streams/topology/profiles.js';
import { quartered } from '../../media/make-images.js';
import { testFolder } from '../../media/make-media.js';

const folder = await testFolder();
const png = await quartered().png().toBuffer();
const store = memoryObjects();
const objectsSpec: ObjectsSpec = {
  type: 's3',
  endpoint: 'http://s3.example',
  bucket: 'vimi',
  region: 'x',
  prefix: 'team/',
};
const profile = { objects: objectsSpec, work: join(folder, 'work') } as Profile;
const topology = { profile, mediaRoots: [folder], file: 'topology.yaml' };
const lookedBy = { ...topology, mediaHosts: [] };
const never = new AbortController().signal;

async function put(name: string, bytes: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

async function offered(...names: string[]) {
  return offeredWith({}, ...names);
}

async function offeredWith(how: { after?: string; labels?: string[] }, ...names: string[]) {
  const passedOver = new PassedOver();
  const broken: BrokenSource[] = [];
  const media = [];
  for await (const one of offeredBy(await openSources(names, { topology, objects: async () => store, ...how }), {
    passedOver,
    broken,
    signal: never,
  }))
    media.push(one);
  const short = (uri: string) => parseTarAddress(uri)?.name ?? (uri.startsWith('/') ? relative(folder, uri) : uri);
  return {
    uris: media.map(({ uri }) => uri),
    media: media.map(({ uri, version: _, ...facts }) => [short(uri), facts]),
    passed: passedOver
      .list()
      .flatMap(({ reason, names: those }) => those.map((name) => [relative(folder, name), reason])),
    broken: broken.map(({ name, error }) => [relative(folder, name), error.code]),
    versions: media.map(({ version }) => version),
  };
}

const tarOf = (members: Record<string, string | Buffer>) =>
  packTar(Object.entries(members).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) })));

const asked = (...captioners: Asked['captioners'][number][]): Asked => ({ captioners, maxBytes: 2 ** 31 });

describe('a WebDataset tar', () => {
  it('offers its media where they lie, with what the texts of their sample say', async () => {
    const tar = await put(
      'set.tar',
      await tarOf({
        '0001.png': png,
        '0001.txt': 'a fox',
        '0001.json': '{"caption": "not this", "license": "CC0-1.0", "source": "zoo"}',
        '0001.seg.png': png,
        '0001.cls': '3',
        '0002.json': '{"text": "an owl"}',
        '0002.webp': png,
        'deep/0003.holiday.png': png,
        'deep/0003.holiday.txt': 'a beach',
        '0004': png,
        '0005.bin': Buffer.from([0, 1, 2, 3]),
        '0006.png': png,
        '0006.txt': Buffer.from('caf\xe9', 'latin1'),
        '._0007.png': png,
        '0001.text': 'its medium stands further up',
      }),
    );
    const { media, passed, uris } = await offered(tar);
    expect(media).toEqual([
      ['0001.png', { caption: 'a fox', source: 'zoo', licence: 'CC0-1.0' }],
      ['0002.webp', { caption: 'an owl' }],
      ['deep/0003.holiday.png', { caption: 'a beach' }],
      ['0004', {}],
    ]);
    expect(Object.fromEntries(passed)).toEqual({
      'set.tar/0001.cls': 'text',
      'set.tar/0001.seg.png': 'a further part of a sample',
      'set.tar/0005.bin': 'bytes of no kind that is known here',
      'set.tar/0006.png': 'The text of a medium cannot be read',
      'set.tar/0006.txt': 'text',
      'set.tar/._0007.png': 'hidden',
      'set.tar/0001.text': 'a text apart from its medium: members of a sample must follow each other (tar --sort=name)',
    });
    expect(await look({ uri: uris[0]!, caption: 'a fox', version: '' }, lookedBy, asked('given'))).toEqual({
      kind: 'png',
    });
    expect((await look({ uri: uris[3]!, version: '' }, lookedBy, asked('given', 'sidecar'))).problem?.code).toBe(
      'CAPTION_MISSING',
    );
    const small = { ...asked('given'), maxBytes: png.length - 1 };
    expect((await look({ uri: uris[0]!, caption: 'a fox', version: '' }, lookedBy, small)).problem).toMatchObject({
      code: 'MEDIA_TOO_LARGE',
      found: `${png.length} bytes`,
    });
  });

  it('passes over links and names that lead elsewhere are names of members alone', async () => {
    await put('links/target.png', png);
    await symlink('/etc/passwd', join(folder, 'links/evil.png'));
    execFileSync('tar', ['-cf', join(folder, 'links.tar'), '-P', 'links/evil.png', 'links/../links/target.png'], {
      cwd: folder,
    });
    const { media, passed } = await offered(join(folder, 'links.tar'));
    expect(media).toEqual([['links/../links/target.png', {}]]);
    expect(passed).toEqual([['links.tar/links/evil.png', 'a link, pipe or device in a tar']]);
  });

  it('with a member that cannot be read where it lies: its text is no stray one', async () => {
    await put('holed/a.png', png);
    await truncate(join(folder, 'holed/a.png'), 1 << 20);
    await put('holed/a.txt', 'a fox');
    await put('holed/b.txt', 'no medium');
    execFileSync('tar', ['--sparse', '-cf', join(folder, 'holed.tar'), 'a.png', 'a.txt', 'b.txt'], {
      cwd: join(folder, 'holed'),
    });
    const { media, passed } = await offered(join(folder, 'holed.tar'));
    expect(media).toEqual([]);
    expect(passed).toEqual([
      ['holed.tar/a.png', 'a sparse file in a tar (pack it without --sparse)'],
      ['holed.tar/a.txt', 'text'],
      ['holed.tar/b.txt', 'a text apart from its medium: members of a sample must follow each other (tar --sort=name)'],
    ]);
  });

  it('that is cut short is told of, and the others go on', async () => {
    const whole = await tarOf({ 'a.png': png, 'b.png': png });
    const cut = await put('cut.tar', whole.subarray(0, 1400));
    const text = await put('text.tar', 'no tar\n'.repeat(200));
    const good = await put('good.tar', whole);
    const { media, broken } = await offered(cut, text, good);
    expect(media.map(([name]) => name)).toEqual(['a.png', 'b.png']);
    expect(broken).toEqual([
      ['cut.tar', 'MEDIA_DAMAGED'],
      ['text.tar', 'MEDIA_DAMAGED'],
    ]);
  });

  it('that is cut behind a whole member, or empty, is told of: nobody knows what is missing [kind 5 cut]', async () => {
    const whole = await tarOf({ 'a.png': png, 'b.png': png });
    const one = 512 * (1 + Math.ceil(png.length / 512));
    const cut = await put('cut.tar', whole.subarray(0, one));
    const empty = await put('empty.tar', '');
    const { media, passed } = await offered(cut, empty, await put('good.tar', whole));
    expect(media.map(([name]) => name)).toEqual(['a.png', 'a.png', 'b.png']);
    const why = 'the end of a tar is missing: it may be cut short';
    expect(passed).toEqual([
      ['cut.tar', why],
      ['empty.tar', why],
    ]);
  });

  it('that gzip packed is read as the same tar is; of other packings it is told what unpacks them', async () => {
    const members = { 'a.png': png, 'a.txt': 'a fox', 'b.png': png };
    const whole = await tarOf(members);
    const half = 1024;
    // As pigz and bgzip make them: one behind the other.
    const joined = Buffer.concat([gzipSync(whole.subarray(0, half)), gzipSync(whole.subarray(half))]);
    const plain = await offered(await put('plain.tar', whole));
    for (const [name, bytes] of [
      ['set.tar.gz', gzipSync(whole)],
      ['set.tgz', joined],
      ['misnamed.tar', gzipSync(whole)],
    ] as const) {
      const { media, passed, uris } = await offered(await put(name, bytes));
      expect([media, passed]).toEqual([plain.media, plain.passed]);
      expect(parseTarAddress(uris[1]!)).toMatchObject({ path: join(folder, name), name: 'b.png' });
      expect((await look({ uri: uris[1]!, caption: 'x', version: '' }, lookedBy, asked('given'))).kind).toBe('png');
    }
    const again = await offered(join(folder, 'set.tar.gz'));
    expect(again.versions).toEqual((await offered(join(folder, 'set.tar.gz'))).versions);
    const { broken } = await offered(
      await put('cut.tar.gz', gzipSync(whole).subarray(0, -20)),
      await put('text.tar.gz', 'no gzip at all, and no tar '.repeat(40)),
      await put('bomb.tar.gz', gzipSync(Buffer.alloc(65 * 1024 ** 2), { level: 1 })),
      await put('set.tar.zst', Buffer.from('28b52ffd24000100', 'hex')),
      await put('set.tar.xz', Buffer.from('fd377a585a000004', 'hex')),
    );
    expect(broken).toEqual([
      ['cut.tar.gz', 'MEDIA_DAMAGED'],
      ['text.tar.gz', 'MEDIA_DAMAGED'],
      ['bomb.tar.gz', 'MEDIA_TOO_LARGE'],
      ['set.tar.zst', 'MEDIA_UNSUPPORTED'],
      ['set.tar.xz', 'MEDIA_UNSUPPORTED'],
    ]);
    // Nothing of it lies about.
    expect(await readdir(profile.work)).toEqual([]);
  });

  it('outside of media_roots is refused as a whole', async () => {
    const elsewhere = await testFolder();
    await writeFile(join(elsewhere, 'x.tar'), await tarOf({ 'a.png': png }));
    await expect(offered(join(elsewhere, 'x.tar'))).rejects.toMatchObject({ code: 'MEDIA_FORBIDDEN' });
  });
});

describe('a manifest', () => {
  const rows = [
    { uri: 'fox.png', caption: ' a fox ', source: 'zoo', license: 'CC0-1.0' },
    { URL: 'https://media.example/owl.jpg', TEXT: 'an owl' },
    { uri: 'object:incoming/owl.mp4' },
    { uri: '../../outside.png', caption: 'o' },
    { uri: '/etc/passwd' },
    { uri: 'tar:/etc/passwd#0/x' },
    { uri: 'ftp://media.example/owl.jpg' },
    { caption: 'no address' },
    { uri: 'fox.png' },
    { uri: 'long.png', caption: 'c'.repeat(4001) },
    { uri: 'a\0b.png' },
    { uri: 'a-link.png' },
    ['a list'],
  ];
  const taken = [
    ['manifest/fox.png', { caption: 'a fox', source: 'zoo', licence: 'CC0-1.0' }],
    ['https://media.example/owl.jpg', { caption: 'an owl' }],
    ['object:incoming/owl.mp4', {}],
  ];

  it('in JSONL offers what its lines name, and nothing that lies outside of media_roots', async () => {
    await put('manifest/fox.png', png);
    await symlink('/etc/passwd', join(folder, 'manifest/a-link.png'));
    const text = `\ufeff${rows.map((row) => JSON.stringify(row)).join('\n')}\n\nno json\n`;
    const { media, passed } = await offered(await put('manifest/m.jsonl', text));
    expect(media).toEqual(taken);
    expect(Object.fromEntries(passed)).toEqual({
      'manifest/m.jsonl:4': 'outside of media_roots',
      'manifest/m.jsonl:5': 'outside of media_roots',
      'manifest/m.jsonl:6': 'outside of media_roots',
      'manifest/m.jsonl:7': 'an address that begins with ftp:',
      'manifest/m.jsonl:8': 'a row without uri, url, file_name, path, image or video',
      'manifest/fox.png': 'named twice',
      'manifest/m.jsonl:10': 'a caption of more than 4000 characters',
      'manifest/m.jsonl:11': 'outside of media_roots',
      'manifest/m.jsonl:12': 'outside of media_roots',
      'manifest/m.jsonl:13': 'a line that is not a JSON object',
      'manifest/m.jsonl:15': 'a line that is not a JSON object',
    });
  });

  it('in CSV has cells with line breaks, and rows of other lengths', async () => {
    const csv = 'file_name,Caption,licence\nfox.png,"a fox,\nrunning",MIT\n"owl.png",an owl\n,x,y\nbad.png,caf\ufffd\n';
    const { media, passed } = await offered(await put('manifest/m.csv', csv));
    expect(media).toEqual([
      ['manifest/fox.png', { caption: 'a fox,\nrunning', licence: 'MIT' }],
      ['manifest/owl.png', { caption: 'an owl' }],
    ]);
    expect(passed.map(([, reason]) => reason)).toEqual([
      'a row without uri, url, file_name, path, image or video',
      'a line that is not UTF-8',
    ]);
    const longer = 'file_name,caption\nfox.png,a fox, running\nowl.png,an owl,,\n';
    const cut = await offered(await put('manifest/longer.csv', longer));
    expect(cut.media).toEqual([['manifest/owl.png', { caption: 'an owl' }]]);
    expect(cut.passed.map(([, reason]) => reason)).toEqual([
      'a row with more cells than the first line names: quote texts with commas',
    ]);
    const tabs = await offered(await put('manifest/m.tsv', 'url\ttext\nfox.png\ta, fox\n'));
    expect(tabs.media).toEqual([['manifest/fox.png', { caption: 'a, fox' }]]);
  });

  it('that gzip packed is read as the same one is, whatever its name says; half of one ends where it is cut', async () => {
    const json = `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;
    const plain = await offered(await put('manifest/p.jsonl', json));
    for (const name of ['p.jsonl.gz', 'p.NDJSON.GZ', 'renamed.jsonl'])
      expect((await offered(await put(`manifest/${name}`, gzipSync(json)))).media).toEqual(plain.media);
    const csv = 'path,caption\nfox.png,a fox\n';
    for (const name of ['p.csv.gz', 'renamed.csv'])
      expect((await offered(await put(`manifest/${name}`, gzipSync(csv)))).media).toEqual([
        ['manifest/fox.png', { caption: 'a fox' }],
      ]);
    const many = Array.from(
      { length: 5000 },
      (_, n) => `{"url": "https://media.example/${(n * 7919) % 104729}", "caption": "c${n ** 5}"}\n`,
    );
    const packed = gzipSync(many.join(''));
    const cut = await offered(await put('manifest/cut.jsonl.gz', packed.subarray(0, packed.length / 2)));
    expect(cut.broken).toEqual([['manifest/cut.jsonl.gz', 'MANIFEST_UNREADABLE']]);
    expect(cut.media.length).toBeGreaterThan(0);
    expect(cut.media.length).toBeLessThan(5000);
  });

  // Written by pyarrow: two row groups, a column of structs with bytes.
  it.each(['zstd', 'gzip', 'snappy', 'lz4'])('in Parquet is read group by group (%s)', async (codec) => {
    const { media, passed, broken } = await offered(join(import.meta.dirname, `${codec}.parquet`));
    expect(broken).toEqual([]);
    expect(media.map(([, facts]) => facts)).toEqual([{ caption: 'an owl' }]);
    expect(passed.map(([name, reason]) => [name?.slice(-2), reason])).toEqual([
      [':1', 'outside of media_roots'],
      [':4', 'outside of media_roots'],
      [':3', 'a row without uri, url, file_name, path, image or video'],
    ]);
  });

  it('in CSV and TSV is read as people write it: quotation marks inside of cells, spaces around the names of columns', async () => {
    const csv =
      ' file_name , caption \nfox.png,he said "hi" there\nowl.png,6" tall\ncat.png,"a ""cat"""\ndog.png,"a" dog\n';
    const { media, passed, broken } = await offered(await put('manifest/quotes.csv', csv));
    expect([passed, broken]).toEqual([[], []]);
    const captions = ['he said "hi" there', '6" tall', 'a "cat"', '"a" dog'];
    expect(media.map(([, facts]) => facts)).toEqual(captions.map((caption) => ({ caption })));
    await put('quoted/metadata.csv', csv);
    for (const name of ['fox', 'owl', 'cat', 'dog']) await put(`quoted/${name}.png`, png);
    const { media: inFolder } = await offered(join(folder, 'quoted'));
    expect(Object.fromEntries(inFolder as [string, object][])).toEqual({
      'quoted/cat.png': { caption: captions[2] },
      'quoted/dog.png': { caption: captions[3] },
      'quoted/fox.png': { caption: captions[0] },
      'quoted/owl.png': { caption: captions[1] },
    });
  });

  it('whose columns do not say where the media are is refused as a whole, with the names of its columns', async () => {
    const path = await put('manifest/semicolon.csv', 'file_name;caption\nfox.png;a fox\n');
    const source = manifest(path, join(folder, 'manifest'), { mediaRoots: [folder], labels: [] });
    const first = source.media(new PassedOver())[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({
      ...{ code: 'MANIFEST_UNREADABLE', found: 'file_name;caption', where: path },
    });
    const bytes = join(folder, 'manifest/bytes.parquet');
    parquetWriteFile({
      filename: bytes,
      columnData: [
        { name: 'image', data: [png], type: 'BYTE_ARRAY' },
        { name: 'caption', data: ['a fox'], type: 'STRING' },
      ],
    });
    expect((await offered(bytes)).broken).toEqual([['manifest/bytes.parquet', 'MANIFEST_UNREADABLE']]);
  });

  it('gives the first of several captions, and refuses a caption that is no text', async () => {
    const rows = [
      { uri: '1.png', caption: ['', 'a fox', 'a red fox'] },
      { uri: '2.png', caption: null, text: 'an owl' },
      { uri: '3.png', caption: 7 },
      { uri: '4.png', caption: { en: 'a cat' } },
      { uri: '5.png', caption: [] },
    ];
    const path = await put('manifest/captions.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const { media, passed } = await offered(path);
    expect(media.map(([, facts]) => facts)).toEqual([{ caption: 'a fox' }, { caption: 'an owl' }, {}]);
    expect(passed.map(([name, reason]) => [name?.slice(-2), reason])).toEqual([
      [':3', 'a caption that is not a text, nor a list of texts'],
      [':4', 'a caption that is not a text, nor a list of texts'],
    ]);
    const tar = await tarOf({ 'a.png': png, 'a.json': '{"caption": ["a cat", "a grey cat"]}' });
    expect((await offered(await put('captions.tar', tar))).media).toEqual([['a.png', { caption: 'a cat' }]]);
    await put('listed/metadata.jsonl', '{"file_name": "cat.png", "text": ["a cat"]}\n');
    await put('listed/cat.png', png);
    expect((await offered(join(folder, 'listed'))).media).toEqual([['listed/cat.png', { caption: 'a cat' }]]);
  });

  it('in Parquet has lists of captions, numbers as labels, and no text that is not UTF-8', async () => {
    const filename = join(folder, 'manifest/columns.parquet');
    const latin = Buffer.from('caf\u00e9', 'latin1');
    parquetWriteFile({
      filename,
      schema: [
        { name: 'root', num_children: 4 },
        { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'caption', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
        { name: 'text', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'age', type: 'INT64', repetition_type: 'OPTIONAL' },
      ],
      columnData: [
        { name: 'path', data: ['1.png', '2.png'] },
        { name: 'caption', data: [['a fox', 'a red fox'], []] },
        { name: 'text', data: [Buffer.from('x'), latin] },
        { name: 'age', data: [3n, null] },
      ],
    });
    const { media, passed } = await offeredWith({ labels: ['age'] }, filename);
    expect(media).toEqual([['manifest/1.png', { caption: 'a fox', labels: { age: '3' } }]]);
    expect(passed.map(([, reason]) => reason)).toEqual(['a row that is not UTF-8']);

    const numbers = join(folder, 'manifest/numbers.parquet');
    parquetWriteFile({
      filename: numbers,
      columnData: [
        { name: 'path', data: ['1.png'], type: 'STRING' },
        { name: 'caption', data: [7], type: 'INT32' },
      ],
    });
    expect((await offered(numbers)).passed.map(([, reason]) => reason)).toEqual([
      'a caption that is not a text, nor a list of texts',
    ]);
  });

  it.each([
    ['the end', (rows: string) => `${rows}3.png,"a cat\n4.png,an owl\n`],
    ['what a row may hold', (rows: string) => `${rows}3.png,"a cat\n${'4.png,an owl\n'.repeat(400_000)}`],
  ])('in CSV gives all rows before a quote that is open up to %s, and the line where it is', async (_, make) => {
    const path = await put('manifest/open.csv', make('uri,caption\n1.png,a fox\n2.png,a dog\n'));
    const source = manifest(path, join(folder, 'manifest'), { mediaRoots: [folder], labels: [] });
    const uris: string[] = [];
    const reading = (async () => {
      for await (const { uri } of source.media(new PassedOver())) uris.push(uri);
    })();
    await expect(reading).rejects.toMatchObject({
      ...{ code: 'MANIFEST_UNREADABLE', where: `${path}:4` },
      found: 'a row that does not end: a quote (") that is opened and not closed',
    });
    expect(uris.map((uri) => uri.slice(-5))).toEqual(['1.png', '2.png']);
  });

  it.each([
    ['\n', '\n'],
    ['\r\n', '\n'],
    ['\r\n', '\r\n'],
  ])(
    'in CSV with lines that end in %j, and %j within a cell: a row is named by its line in the file',
    async (end, within) => {
      const rows = ['uri,caption', `1.png,"a fox,${within}running"`, ',nothing', '2.png,"open', '3.png,a cat', ''];
      const path = await put('manifest/lines.csv', rows.join(end));
      const passed = new PassedOver();
      const source = manifest(path, join(folder, 'manifest'), { mediaRoots: [folder], labels: [] });
      const reading = (async () => {
        for await (const _ of source.media(passed));
      })();
      await expect(reading).rejects.toMatchObject({ where: `${path}:5` });
      expect(passed.list().flatMap(({ names }) => names)).toEqual([`${path}:4`]);
    },
  );

  it.each([
    ['a line that does not end', 'm1.jsonl', () => `{"uri":"${'x'.repeat(5 * 1024 ** 2)}"}`],
    ['a quotation mark that does not close', 'm2.csv', () => 'uri,caption\n"a,b\n'],
    ['a row that does not end', 'm3.csv', () => `uri,caption\n"${'x'.repeat(5 * 1024 ** 2)}`],
    ['no Parquet', 'm4.parquet', () => 'PAR1 and nothing'],
    ['an empty Parquet', 'm5.parquet', () => ''],
    ['an empty CSV', 'm6.csv', () => ''],
  ])('with %s is not read on, and says so', async (_, name, make) => {
    expect((await offered(await put(name, make()))).broken).toEqual([[name, 'MANIFEST_UNREADABLE']]);
  });

  it('gives a medium another version when its file or its row changes', async () => {
    const path = await put('versions/fox.png', png);
    const row = (caption: string) => put('versions/m.jsonl', JSON.stringify({ uri: 'fox.png', caption }));
    const version = async (caption: string) => (await offered(await row(caption))).versions[0];
    const first = await version('a fox');
    expect(await version('a fox')).toBe(first);
    expect(await version('an owl')).not.toBe(first);
    await writeFile(path, Buffer.concat([png, Buffer.from('x')]));
    expect(await version('a fox')).not.toBe(first);
  });
});

describe('a folder', () => {
  it('with a link that leads out of media_roots: it is told once, and nobody goes there', async () => {
    const elsewhere = await testFolder();
    for (const name of ['a.png', 'b.png', 'deep/c.png']) {
      await mkdir(dirname(join(elsewhere, name)), { recursive: true });
      await writeFile(join(elsewhere, name), png);
    }
    const taken = await put('linked/own.png', png);
    await put('inside/near.png', png);
    await symlink(elsewhere, join(folder, 'linked/out'));
    await symlink(join(elsewhere, 'a.png'), join(folder, 'linked/one.png'));
    await symlink(join(folder, 'inside'), join(folder, 'linked/near'));
    const { uris, passed } = await offered(join(folder, 'linked'));
    expect(uris).toEqual([join(folder, 'linked/near/near.png'), taken]);
    expect(passed).toEqual([
      ['linked/one.png', 'links out of media_roots'],
      ['linked/out', 'links out of media_roots'],
    ]);
  });

  it('and a file are found however their accents are written, by name and in tables', async () => {
    const [nfc, nfd] = ['café'.normalize('NFC'), 'café'.normalize('NFD')];
    const [one, other] = ['été'.normalize('NFC'), 'été'.normalize('NFD')];
    await put(`${nfc}x/${other}.png`, png);
    await put(`${nfc}x/metadata.csv`, `file_name,caption\n${one}.png,a summer\n`);
    const { media, passed } = await offered(join(folder, `${nfc}x`.normalize('NFD')));
    expect([media, passed]).toEqual([[[`${nfc}x/${other}.png`, { caption: 'a summer' }]], []]);
    await put(`tables/${nfd}.png`, png);
    const table = await put('tables/rows.csv', `path,caption\n${nfc}.png,a coffee\n`);
    expect((await offered(table)).media).toEqual([[`tables/${nfd}.png`, { caption: 'a coffee' }]]);
  });
});

describe('a prefix of the object store', () => {
  it('is listed, and goes on behind a key', async () => {
    for (const key of ['in/a.png', 'in/a.txt', 'in/b.mp4', 'in/c/d.webp', 'in/e.bin', 'images/own.png'])
      await store.put(key, png, { mediaType: 'image/png' });
    const all = await offered('object:in/');
    expect(all.uris).toEqual(['object:in/a.png', 'object:in/b.mp4', 'object:in/c/d.webp']);
    expect(all.passed.map(([, reason]) => reason)).toEqual([
      'text, the caption of a medium of its name',
      'an object whose name is not that of an image or video',
    ]);
    expect((await offered('s3://vimi/team/in/c')).uris).toEqual(['object:in/c/d.webp']);
    expect((await offeredWith({ after: 'in/a.txt' }, 'object:in/')).uris).toEqual([
      'object:in/b.mp4',
      'object:in/c/d.webp',
    ]);
  });

  it('names the objects that it cannot read for their names', async () => {
    const root = join(folder, 'objects');
    const files = await openFileStore(root);
    await files.put('in/a.png', png, { mediaType: 'image/png' });
    await writeFile(join(root, 'in/my holiday.png'), png);
    const passedOver = new PassedOver();
    const uris = [];
    for await (const { uri } of objectPrefix('in/', async () => files).media(passedOver)) uris.push(uri);
    expect(uris).toEqual(['object:in/a.png']);
    expect(passedOver.list().map(({ reason, names }) => [reason.slice(-11), names])).toEqual([
      ['(rename it)', ['object:in/my holiday.png']],
    ]);
  });

  it.each([
    ['object:', 'USAGE'],
    ['s3://vimi/team/', 'USAGE'],
    ['s3://vimi/elsewhere/', 'MEDIA_FORBIDDEN'],
    ['s3://other/team/in/', 'MEDIA_FORBIDDEN'],
    ['object:../in', 'OBJECT_KEY_INVALID'],
    ['object:in//x', 'OBJECT_KEY_INVALID'],
    ['object:.store/meta', 'OBJECT_KEY_INVALID'],
  ])('%s is refused', async (name, code) => {
    await expect(offered(name)).rejects.toMatchObject({ code });
  });
});

describe('labels', () => {
  const wanted = ['label', 'Verb', 'tags', 'n'];
  const row = { label: 'fox', VERB: ' runs ', tags: ['red', 'wild'], n: 3, unwanted: 'x' };
  const labels = { label: 'fox', Verb: 'runs', tags: 'red, wild', n: 3 };

  it('are the columns and fields that the captions of the pipeline are made of, in every source', async () => {
    await put('labels/fox.png', png);
    const tar = await put('labels.tar', await tarOf({ '1.png': png, '1.json': JSON.stringify(row) }));
    const jsonl = await put('labels/m.jsonl', JSON.stringify({ uri: 'fox.png', ...row }));
    const csv = await put('labels/m.csv', 'uri,label,VERB,tags,n\nfox.png,fox,runs,"red, wild",3\n');
    expect((await offeredWith({ labels: wanted }, tar)).media).toEqual([['1.png', { labels }]]);
    expect((await offeredWith({ labels: wanted }, jsonl)).media).toEqual([['labels/fox.png', { labels }]]);
    expect((await offeredWith({ labels: wanted }, csv)).media).toEqual([
      ['labels/fox.png', { labels: { ...labels, n: '3' } }],
    ]);
    expect((await offered(jsonl)).media).toEqual([['labels/fox.png', {}]]);
    await put('labelled/fox.png', png);
    await put('labelled/metadata.csv', 'file_name,label\nfox.png,fox\n');
    const folderOnly = join(folder, 'labelled');
    expect((await offeredWith({ labels: wanted }, folderOnly)).media).toEqual([
      ['labelled/fox.png', { labels: { label: 'fox' } }],
    ]);
    // Parquet: written by pyarrow; its column of texts may be a label.
    const parquet = await offeredWith({ labels: ['text'] }, join(import.meta.dirname, 'zstd.parquet'));
    expect(parquet.media.map(([, facts]) => facts)).toEqual([{ caption: 'an owl', labels: { text: 'an owl' } }]);
  });

  it('give a medium another version when they change, and are no other things than texts and numbers', async () => {
    await put('labels/owl.png', png);
    const of = async (label: unknown) =>
      offeredWith({ labels: ['label'] }, await put('labels/o.jsonl', JSON.stringify({ uri: 'owl.png', label })));
    const first = (await of('owl')).versions[0];
    expect((await of('owl')).versions[0]).toBe(first);
    expect((await of('an owl')).versions[0]).not.toBe(first);
    for (const none of [null, {}, [1], 'x'.repeat(1001), ' ']) expect((await of(none)).media[0]![1]).toEqual({});
    expect((await of('a\u0000b')).passed).toEqual([
      ['labels/o.jsonl:1', 'a text with control characters, or half a surrogate pair'],
    ]);
  });
});
