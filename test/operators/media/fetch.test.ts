import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { CorpusRemoved, MediaAdded } from '../../../src/events/schemas.js';
import type { Resources } from '../../../src/flow/operator.js';
import { allowedPath } from '../../../src/media/media-path.js';
import { packTar } from '../../../src/media/tar.js';
import { tarAddress } from '../../../src/media/tar-address.js';
import { fetch } from '../../../src/operators/media/fetch.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { noRemovals, type Removable, RemovalTable, removalKey } from '../../../src/stores/removals/removals.js';
import { testFolder } from '../../media/make-media.js';
import { patience } from '../../support/patience.js';
import { mediaResources } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const root = join(folder, 'allowed');
const outside = join(folder, 'outside');
await mkdir(root);
await mkdir(outside);
const put = async (name: string, text: string | Uint8Array, where = root) => {
  const path = join(where, name);
  await writeFile(path, text);
  return path;
};
const resources = async (): Promise<Resources> => {
  const all = await mediaResources(folder);
  return resourcesWith({ objects: all.objects, workDir: all.workDir, mediaRoots: [root] });
};
const fox = await put('fox.mp4', 'the bytes of a fox');

const run = async (media: { uri: string; caption?: string; source?: string; licence?: string }, config = {}) =>
  runOperator(fetch, config, await resources(), [{ media }]);

async function refused(uri: string, config = {}) {
  const { settlements } = await run({ uri }, config);
  const outcome = settlements[0]!.outcome;
  if (outcome.kind !== 'rejected') throw new Error(`${uri} was ${outcome.kind}`);
  expect(outcome.error.where, uri).toBeTruthy();
  expect(outcome.error.expected ?? outcome.error.found, uri).toBeTruthy();
  return outcome.error;
}

describeOperator(fetch, {
  resources,
  good: () => ({ media: { uri: fox } }),
  bad: () => ({ flow: { media: { uri: join(root, 'missing.mp4') } }, code: 'MEDIA_NOT_FOUND' }),
});

describe('fetch finds', () => {
  const sha256 = createHash('sha256').update('the bytes of a fox').digest('hex');

  it.each([
    ['a path', fox],
    ['a path relative to where vimi runs', relative(process.cwd(), fox)],
    ['a file: URL', pathToFileURL(fox).href],
  ])('%s', async (_, uri) => {
    const { emitted } = await run({ uri, source: 'zoo', licence: 'CC0-1.0' });
    expect(emitted[0]!.data.file).toEqual({
      path: fox,
      size: 18,
      sha256,
      identity: expect.stringMatching(/^\d+ \d+ 18 \d+$/),
      uri,
      source: 'zoo',
      licence: 'CC0-1.0',
    });
  });

  it('a member of a tar, as a file of its own that is gone when its event has its outcome', async () => {
    const members = [{ name: 'deep/fox.mp4', bytes: Buffer.from('the bytes of a fox') }];
    const tar = await put('set.tar', await packTar(members));
    const uri = tarAddress({ path: tar, header: 0, name: 'deep/fox.mp4' });
    const { emitted } = await run({ uri, caption: 'c' });
    const file = emitted[0]!.data.file!;
    expect(file).toMatchObject({ size: 18, sha256, uri, source: uri });
    await expect.poll(() => existsSync(file.path), { timeout: patience(10) }).toBe(false);
    expect((await refused(uri, { max_bytes: 17 })).code).toBe('MEDIA_TOO_LARGE');
    for (const [header, name] of [
      [512, 'deep/fox.mp4'],
      [0, 'deep/owl.mp4'],
      [1, 'deep/fox.mp4'],
      [9e9, 'deep/fox.mp4'],
    ] as const)
      expect((await refused(tarAddress({ path: tar, header, name }))).code, `${header}`).toBe('MEDIA_NOT_FOUND');
    expect((await refused(tarAddress({ path: fox, header: 0, name: 'x' }))).code).toBe('MEDIA_NOT_FOUND');
    const elsewhere = await put('set.tar', await packTar(members), outside);
    expect((await refused(tarAddress({ path: elsewhere, header: 0, name: 'deep/fox.mp4' }))).code).toBe(
      'MEDIA_FORBIDDEN',
    );
    expect((await refused('tar:set.tar')).code).toBe('MEDIA_FORBIDDEN');
  });

  it('members of a tar that gzip packed, all from one unpacking, for as long as the tar is the same', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `${n}.mp4`);
    const members = names.map((name) => ({ name, bytes: Buffer.from('the bytes of a fox') }));
    const path = await put('packed.tgz', gzipSync(await packTar(members)));
    const uris = names.map((name, n) => tarAddress({ path, header: 1024 * n, name }));
    const events = await Promise.all(uris.map((uri) => run({ uri, caption: 'c' })));
    expect(events.map(({ emitted }) => emitted[0]?.data.file)).toMatchObject(
      uris.map((uri) => ({ size: 18, sha256, uri })),
    );
    await put('packed.tgz', gzipSync(await packTar(members.slice(1))));
    expect((await refused(uris[0]!)).code).toBe('MEDIA_NOT_FOUND');
    await put('packed.tgz', 'x');
    expect((await refused(uris[0]!)).code).toBe('MEDIA_NOT_FOUND');
  });

  it('an address of http on one of media_hosts, unless its server opts it out', async () => {
    const bytes = Buffer.from('89504e470d0a1a0a0000', 'hex');
    const server = createHttpServer((request, response) => {
      if (request.url === '/fox.mp4') response.end(bytes);
      else if (request.url === '/no.mp4') response.writeHead(200, { 'x-robots-tag': 'noai' }).end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const around = resourcesWith({ ...(await resources()), mediaHosts: [host] });
      const uris = ['fox.mp4', 'no.mp4', 'none.mp4'].map((name) => `http://${host}/${name}`);
      const { emitted, settlements } = await runOperator(
        fetch,
        {},
        around,
        uris.map((uri) => ({ media: { uri } })),
      );
      const file = emitted[0]!.data.file!;
      expect(file).toMatchObject({ size: 10, uri: uris[0], source: uris[0] });
      await expect.poll(() => existsSync(file.path), { timeout: patience(10) }).toBe(false);
      expect(settlements.map(({ outcome }) => outcome)).toMatchObject([
        { kind: 'delivered' },
        { kind: 'dropped', reason: 'opted-out', of: 'x-robots-tag: noai' },
        { kind: 'rejected', error: { code: 'MEDIA_NOT_FOUND' } },
      ]);
      // Without being asked for: nobody named the host.
      expect((await refused(uris[0]!)).remedy).toContain('media_hosts');
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('only media with an allowed licence, where some are named', async () => {
    const settings = { licences: ['CC0-1.0', 'CC-BY-4.0'] };
    const of = async (licence?: string) => (await run({ uri: fox, licence }, settings)).settlements[0]!.outcome;
    expect((await of('cc0-1.0')).kind).toBe('delivered');
    expect(await of('CC-BY-NC-4.0')).toEqual({ kind: 'dropped', reason: 'licence', of: 'CC-BY-NC-4.0' });
    expect(await of()).toEqual({ kind: 'dropped', reason: 'licence', of: 'unknown' });
  });

  it('an object, which is let go when its event has its outcome', async () => {
    const { objects } = await resources();
    await objects.put('incoming/fox.mp4', Buffer.from('the bytes of a fox'), { mediaType: 'video/mp4' });
    await objects.put('incoming/fox.txt', Buffer.from('A fox.\n'), { mediaType: 'text/plain' });
    let released = 0;
    const counting = new Proxy(objects, {
      get: (target, name: keyof ObjectStore) =>
        name === 'localFile'
          ? async (key: string) => {
              const local = await target.localFile(key);
              return {
                path: local.path,
                async release() {
                  await local.release();
                  released++;
                },
              };
            }
          : (target[name] as (...all: unknown[]) => unknown).bind(target),
    });
    const given = resourcesWith({ objects: counting, workDir: folder, mediaRoots: [] });
    const { emitted } = await runOperator(fetch, {}, given, [{ media: { uri: 'object:incoming/fox.mp4' } }]);
    expect(emitted[0]!.data.file).toMatchObject({ sha256, sidecar: 'A fox.', source: 'object:incoming/fox.mp4' });
    expect(released).toBe(1);
    expect((await refused('object:incoming/missing.mp4')).code).toBe('MEDIA_NOT_FOUND');
    expect(outcomes(await run({ uri: 'object:../outside' }))).toEqual(['OBJECT_KEY_INVALID']);
    expect((await refused('object:incoming/fox.mp4', { max_bytes: 17 })).code).toBe('MEDIA_TOO_LARGE');
  });

  it('finds a file whose accents the disk writes in another way, and the text beside it', async () => {
    const [nfc, nfd] = (['NFC', 'NFD'] as const).map((form) => 'été-Å'.normalize(form)) as [string, string];
    for (const [there, asked] of [
      [nfd, nfc],
      [`x${nfc}`, `x${nfd}`],
    ]) {
      await mkdir(join(root, there!));
      await put(`${there}/${there}.mp4`, 'the bytes of a summer');
      await put(`${there}/${there}.txt`, 'A summer.');
      const { emitted } = await run({ uri: join(root, asked!, `${asked}.mp4`) });
      expect(emitted[0]!.data.file).toMatchObject({ sidecar: 'A summer.', size: 21 });
    }
  });

  it('the text beside a medium, unless the event has a caption', async () => {
    const path = await put('owl.png', 'owl');
    await put('owl.txt', '  An owl\n on a branch. \n');
    expect((await run({ uri: path })).emitted[0]!.data.file!.sidecar).toBe('An owl\n on a branch.');
    expect((await run({ uri: path, caption: 'Another' })).emitted[0]!.data.file!.sidecar).toBeUndefined();
    expect((await run({ uri: fox })).emitted[0]!.data.file!.sidecar).toBeUndefined();
  });

  it.each([
    ['[use U14] in capital letters', 'UPPER.PNG', 'UPPER.TXT', 'An owl', 'An owl'],
    ['[kind 8] with the whole name of the medium', 'whole.jpg', 'whole.jpg.txt', 'An owl', 'An owl'],
    ['[kind 8] as a caption', 'named.jpg', 'named.caption', 'An owl', 'An owl'],
    ['[use U14] as JSON', 'json.jpg', 'json.json', '{"width": 2, "caption": " An owl "}', 'An owl'],
    [
      '[kind 8] as JSON of a download',
      'down.jpg',
      'down.jpg.json',
      '{"caption": "", "description": "An owl"}',
      'An owl',
    ],
    ['[media F27] in UTF-16', 'wide.jpg', 'wide.txt', Buffer.from('\ufeffAn owl', 'utf16le'), 'An owl'],
    ['[kind 8] several lines', 'lines.jpg', 'lines.txt', 'An owl.\nA bird.\n', 'An owl.\nA bird.'],
    ['[kind 8] of 2,500 emoji', 'emoji.jpg', 'emoji.txt', '🦊'.repeat(2500), '🦊'.repeat(2500)],
    ['[kind 8] JSON without one', 'none.jpg', 'none.json', '{"width": 2}', undefined],
  ])('the text beside a medium: %s', async (_, medium, name, text, caption) => {
    const uri = await put(medium, 'owl');
    await put(name, text);
    expect((await run({ uri })).emitted[0]!.data.file!.sidecar).toBe(caption);
  });

  it('[media F21] the text beside a link, and not beside its target', async () => {
    await put('blob1', 'owl');
    await put('blob1.txt', 'of the target');
    await put('cap1', 'of the link');
    await mkdir(join(root, 'snapshot'));
    await symlink('../blob1', join(root, 'snapshot/pic1.jpg'));
    await symlink('../blob1', join(root, 'snapshot/pic2.jpg'));
    await symlink('../cap1', join(root, 'snapshot/pic1.txt'));
    const sidecarOf = async (name: string) => (await run({ uri: join(root, name) })).emitted[0]!.data.file!.sidecar;
    expect(await sidecarOf('snapshot/pic1.jpg')).toBe('of the link');
    expect(await sidecarOf('snapshot/pic2.jpg')).toBeUndefined();
  });

  it('[use U14] the text beside an object, under any of its names', async () => {
    const { objects } = await resources();
    await objects.put('in/A.PNG', Buffer.from('owl'), { mediaType: 'image/png' });
    await objects.put('in/A.PNG.TXT', Buffer.from('An owl'), { mediaType: 'text/plain' });
    expect((await run({ uri: 'object:in/A.PNG' })).emitted[0]!.data.file!.sidecar).toBe('An owl');
  });

  it('a file whose root is itself a link', async () => {
    await symlink(root, join(folder, 'linked-root'));
    const all = await resources();
    const linked = resourcesWith({ objects: all.objects, mediaRoots: [join(folder, 'linked-root')] });
    const done = await runOperator(fetch, {}, linked, [
      { media: { uri: join(folder, 'linked-root', 'fox.mp4') } },
      { media: { uri: fox } },
    ]);
    expect(outcomes(done)).toEqual(['delivered', 'delivered']);
  });
});

describe('fetch drops what was removed from the corpus', () => {
  const sha256 = createHash('sha256').update('the bytes of a fox').digest('hex');
  it.each<[string, CorpusRemoved, MediaAdded]>([
    ['a source, unread', { kind: 'source', value: 'zoo' }, { uri: 'missing.mp4', source: 'zoo' }],
    ['a licence, unread', { kind: 'licence', value: 'unknown' }, { uri: 'missing.mp4' }],
    ['a medium that names no source, by its uri', { kind: 'source', value: 'missing.mp4' }, { uri: 'missing.mp4' }],
    [
      'bytes, whatever they are called now',
      { kind: 'document', value: '1', file: sha256 },
      { uri: fox, source: 'park' },
    ],
  ])('%s', async (_, removal, medium) => {
    const table = new RemovalTable();
    table.set(removalKey(removal), removal);
    const all = await mediaResources(folder);
    const removals = { ...noRemovals, of: (thing: Removable) => table.of(thing) };
    const around = resourcesWith({ objects: all.objects, workDir: all.workDir, mediaRoots: [root], removals });
    expect(outcomes(await runOperator(fetch, {}, around, [{ media: medium }]))).toEqual(['removed']);
  });
});

describe('fetch refuses', () => {
  it('what lies outside the roots, however it is named, and whether it exists or not', async () => {
    const secret = await put('secret.mp4', 'secret', outside);
    await symlink(secret, join(root, 'link.mp4'));
    await symlink(outside, join(root, 'linked-folder'));
    const ways = [
      secret,
      `${root}/../outside/secret.mp4`,
      `${root}/../outside/missing.mp4`,
      join(root, 'link.mp4'),
      join(root, 'linked-folder', 'secret.mp4'),
      pathToFileURL(secret).href,
      `file://${root}/%2e%2e/outside/secret.mp4`,
      '/etc/passwd',
      `${root}-beside/x.mp4`,
      'file://elsewhere/etc/passwd',
      `${fox}\0.png`,
    ];
    for (const way of ways) expect((await refused(way)).code, way).toBe('MEDIA_FORBIDDEN');
  });

  it('every other protocol', async () => {
    for (const uri of [
      'http://example.org/a.mp4',
      'https:a',
      's3://bucket/key',
      'concat:a|b',
      'data:video/mp4;base64,AA',
    ])
      expect((await refused(uri)).code, uri).toBe('MEDIA_FORBIDDEN');
  });

  it('a name that is not there in either spelling of its accents, and none that lies outside', async () => {
    await writeFile(join(outside, 'séc.mp4'.normalize('NFD')), 'secret');
    expect((await refused(join(root, 'né.mp4'))).code).toBe('MEDIA_NOT_FOUND');
    const uri = join(outside, 'séc.mp4'.normalize('NFC'));
    expect(await refused(uri)).toMatchObject({ code: 'MEDIA_FORBIDDEN', found: uri });
  });

  it('a sidecar that is not text, too long, or a way out', async () => {
    const path = await put('a.png', 'a');
    await put('a.txt', Buffer.from([0xff, 0xfe, 0x00]));
    expect((await refused(path)).code).toBe('CAPTION_UNREADABLE');
    await put('a.txt', 'x'.repeat(4001));
    expect((await refused(path)).code).toBe('PROMPT_TOO_LONG');
    await put('a.txt', 'x'.repeat(1_000_000));
    expect((await refused(path)).code).toBe('PROMPT_TOO_LONG');
    const other = await put('b.png', 'b');
    await symlink(await put('secret.txt', 'secret', outside), join(root, 'b.txt'));
    expect((await refused(other)).code).toBe('MEDIA_FORBIDDEN');
  });

  it('an empty file, one that is too large, and a folder', async () => {
    expect((await refused(await put('empty.mp4', ''))).code).toBe('MEDIA_EMPTY');
    const error = await refused(fox, { max_bytes: 17 });
    expect([error.code, error.expected, error.found]).toEqual(['MEDIA_TOO_LARGE', 'at most 17 bytes', '18 bytes']);
    expect((await refused(root)).code).toBe('MEDIA_UNSUPPORTED');
    expect((await refused(join(fox, 'inside'))).code).toBe('MEDIA_NOT_FOUND');
  });

  it.skipIf(process.platform === 'win32')('a named pipe and a socket, at once', async () => {
    execFileSync('mkfifo', [join(root, 'pipe.mp4')]);
    expect((await refused(join(root, 'pipe.mp4'))).code).toBe('MEDIA_UNSUPPORTED');
    const server = createServer();
    await new Promise<void>((listening) => server.listen(join(root, 's.mp4'), listening));
    expect((await refused(join(root, 's.mp4'))).code).toBe('MEDIA_UNSUPPORTED');
    await new Promise((closed) => server.close(closed));
  });

  it('and leaves no file open', async () => {
    const before = (await readdir('/proc/self/fd').catch(() => [])).length;
    for (let n = 0; n < 20; n++) await refused(root);
    expect((await readdir('/proc/self/fd').catch(() => [])).length).toBeLessThanOrEqual(before + 2);
  });
});

describe('a media root that is gone', () => {
  it.each([
    ['missing', async (root: string) => rm(root, { recursive: true })],
    ['empty, as a mount point is', async (root: string) => rm(join(root, 'a.mp4'))],
  ])('[safety S7] %s: the event waits for it, and is not rejected', async (_, take) => {
    const own = join(folder, 'vanishing');
    await mkdir(own, { recursive: true });
    const uri = join(own, 'a.mp4');
    await writeFile(uri, 'bytes');
    const around = resourcesWith({ ...(await resources()), mediaRoots: [own, root] });
    await take(own);
    const running = runOperator(fetch, {}, around, [{ media: { uri } }]);
    const first = await Promise.race([running.then(() => 'settled'), untilAsked(own)]);
    expect(first).toBe('asked');
    // Whole at once: a file that is still being written is another matter.
    const whole = await put('whole', 'bytes', folder);
    await mkdir(own, { recursive: true });
    await rename(whole, uri);
    expect((await running).emitted).toHaveLength(1);
    await rm(own, { recursive: true });
  });

  it('may come back at any moment of a look: its media are found, or waited for', async () => {
    const [own, aside] = [join(folder, 'mount'), join(folder, 'aside')];
    const codes = new Set<string>();
    await mkdir(aside);
    await put('a.mp4', 'bytes', aside);
    for (let n = 0; n < 300; n++) {
      const looking = allowedPath(join(own, 'a.mp4'), 'a', [own]).then(
        () => 'found',
        ({ code }) => code,
      );
      for (let turn = n % 12; turn > 0; turn--) await new Promise(setImmediate);
      renameSync(aside, own);
      codes.add(await looking);
      renameSync(own, aside);
    }
    expect([...codes].filter((code) => !['found', 'STORAGE_UNAVAILABLE'].includes(code))).toEqual([]);
  });

  it('[kind 4] is no reason to wait for a file that another root misses', async () => {
    const around = resourcesWith({ ...(await resources()), mediaRoots: [join(folder, 'nowhere'), root] });
    expect(outcomes(await runOperator(fetch, {}, around, [{ media: { uri: join(root, 'missing.mp4') } }]))).toEqual([
      'MEDIA_NOT_FOUND',
    ]);
  });
});

/** The root was found missing once: what waits has been tried. */
async function untilAsked(path: string): Promise<'asked'> {
  await expect(allowedPath(join(path, 'a.mp4'), 'a', [path])).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  return 'asked';
}
