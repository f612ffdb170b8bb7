import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFileStore } from '../../../src/stores/objects/files.js';
import { thrownBy } from '../../operators/run-operator.js';
import { atEachSync } from '../syncs.js';
import { describeObjectStore } from './object-store-contract.js';

const folders: string[] = [];
async function folder(): Promise<string> {
  folders.push(await mkdtemp(join(tmpdir(), 'vimi-files-')));
  return folders.at(-1)!;
}
afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true, force: true });
});

const text = { mediaType: 'text/plain' };
const temporaries = (root: string) => readdir(join(root, '.store', 'temporary'));

describeObjectStore('the file store', async () => openFileStore(await folder()));

describe('the file store', () => {
  it('writes what is named by its bytes once, and again when it has grown old', async () => {
    const root = await folder();
    const store = await openFileStore(root);
    const named = { ...text, byContent: true };
    const ref = await store.put('named', Buffer.from('a fox'), named);
    const path = join(root, 'named');
    const { ino } = await stat(path);
    await store.put('named', Buffer.from('a fox'), named);
    expect((await stat(path)).ino).toBe(ino);
    const long = new Date(Date.now() - 7_200_000);
    await utimes(path, long, long);
    await store.put('named', Buffer.from('a fox'), named);
    expect(await store.changedAt('named')).toBeGreaterThan(long.getTime());
    expect(await store.stat('named')).toEqual(ref);
    expect(await temporaries(root)).toEqual([]);
  });

  it('reports a full disk, keeps the old object and leaves nothing behind', async () => {
    const root = await folder();
    await (await openFileStore(root)).put('a/b.txt', Buffer.from('old'), text);
    let room = 2;
    const store = await openFileStore(root, {
      async write(handle, chunk) {
        if (room-- > 0) return handle.writeFile(chunk);
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
    });
    const file = join(root, '.store', 'source');
    await writeFile(file, Buffer.alloc(1_000_000));
    expect((await thrownBy(() => store.put('a/b.txt', { file }, text))).code).toBe('STORAGE_FULL');
    expect(await temporaries(root)).toEqual([]);
    expect(await store.stat('a/b.txt')).toMatchObject({ size: 3 });
    expect(String(await store.get('a/b.txt'))).toBe('old');
  });

  it('[safety S7] says when its folder is gone, instead of that objects are, and goes on when it is back', async () => {
    const root = join(await folder(), 'objects');
    const store = await openFileStore(root);
    await store.put('a/b', Buffer.from('kept'), text);
    await rename(root, `${root}-away`);
    const gone = { code: 'STORAGE_UNAVAILABLE', fault: 'surroundings', where: root };
    const list = async () => {
      for await (const _ of store.list('')) throw new Error('something was listed');
    };
    for (const call of [
      () => store.get('a/b'),
      () => store.stat('a/b'),
      () => store.put('c', Buffer.from('x'), text),
      () => store.remove('a/b'),
      () => store.changedAt('a/b'),
      () => store.localFile('a/b'),
      list,
    ])
      expect(await thrownBy(call)).toMatchObject(gone);
    expect(existsSync(root)).toBe(false);
    await rename(`${root}-away`, root);
    expect(String(await store.get('a/b'))).toBe('kept');
    await rm(root, { recursive: true });
    await mkdir(root);
    await store.put('c', Buffer.from('begun anew'), text);
    expect(await store.stat('a/b')).toBeNull();
  });

  it.skipIf(!existsSync('/dev/full'))('knows the error of a real full device', async () => {
    const root = await folder();
    const store = await openFileStore(root, {
      async write(_, chunk) {
        const full = await open('/dev/full', 'w');
        try {
          await full.writeFile(chunk);
        } finally {
          await full.close();
        }
      },
    });
    const error = await thrownBy(() => store.put('a', Buffer.from('x'), text));
    expect(error.code).toBe('STORAGE_FULL');
    expect(error.retryable).toBe(true);
    expect(await temporaries(root)).toEqual([]);
    expect(await store.stat('a')).toBeNull();
  });

  it('leaves it to the owner of a folder that was there whom it is open to', async () => {
    const [there, made] = [await folder(), join(await folder(), 'made')];
    await chmod(there, 0o770);
    for (const root of [there, made]) await openFileStore(root);
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    const asUsual = 0o777 & ~process.umask();
    expect([await modeOf(there), await modeOf(join(there, '.store', 'temporary'))]).toEqual([0o770, asUsual]);
    expect(await modeOf(made)).toBe(0o700);
  });

  it('removes what a killed writer left, and nothing of a living one', async () => {
    const root = await folder();
    await openFileStore(root);
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const place = join(root, '.store', 'temporary');
    await writeFile(join(place, `${dead}.half`), 'half');
    await writeFile(join(place, `${process.pid}.now`), 'being written');
    await writeFile(join(place, `${process.pid}.earlier-run`), 'half');
    await utimes(join(place, `${process.pid}.earlier-run`), 1, 1);
    await openFileStore(root);
    expect(await temporaries(root)).toEqual([`${process.pid}.now`]);
  });

  it('trusts the bytes, not a sidecar that speaks of other bytes', async () => {
    const root = await folder();
    const store = await openFileStore(root);
    await store.put('a.mp4', Buffer.from('first'), { mediaType: 'video/x-special' });
    await writeFile(join(root, 'a.mp4'), 'other');
    const sha256 = createHash('sha256').update('other').digest('hex');
    expect(await store.stat('a.mp4')).toEqual({ key: 'a.mp4', size: 5, sha256, media_type: 'video/mp4' });
    await writeFile(join(root, '.store', 'meta', 'a.mp4.json'), '{"sha256":');
    expect(await store.stat('a.mp4')).toMatchObject({ sha256 });
  });

  it('keeps media types in a copy of the folder', async () => {
    const [root, copy] = [await folder(), await folder()];
    const ref = await (await openFileStore(root)).put('a', Buffer.from('x'), { mediaType: 'text/x-kept' });
    await cp(root, copy, { recursive: true });
    expect(await (await openFileStore(copy)).stat('a')).toEqual(ref);
  });

  it('neither reads nor writes through links', async () => {
    const [root, outside] = [await folder(), await folder()];
    const store = await openFileStore(root);
    await writeFile(join(outside, 'secret'), 'secret');
    await symlink(outside, join(root, 'door'));
    await symlink(join(outside, 'secret'), join(root, 'window'));
    for (const key of ['door/secret', 'window']) {
      expect(await store.stat(key)).toBeNull();
      expect((await thrownBy(() => store.get(key))).code).toBe('OBJECT_NOT_FOUND');
    }
    expect((await thrownBy(() => store.put('door/new', Buffer.from('x'), text))).code).toBe('OBJECT_KEY_INVALID');
    expect((await thrownBy(() => store.put('door/new/deep', Buffer.from('x'), text))).code).toBe('OBJECT_KEY_INVALID');
    await store.remove('door/secret');
    await store.put('window', Buffer.from('mine'), text);
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    const keys: string[] = [];
    for await (const key of store.list('')) keys.push(key);
    expect(keys).toEqual(['window']);
  });

  it('brings the bytes to the disk before they have their name, and then the name [safety S15]', async () => {
    const root = await folder();
    const store = await openFileStore(root);
    const isThere = async () => existsSync(join(root, 'a', 'b'));
    expect(await atEachSync(() => store.put('a/b', Buffer.from('x'), text), isThere)).toEqual([false, true]);
  });

  it('says when a key runs into another object', async () => {
    const root = await folder();
    const store = await openFileStore(root);
    await store.put('a', Buffer.from('x'), text);
    expect((await thrownBy(() => store.put('a/b', Buffer.from('x'), text))).code).toBe('OBJECT_KEY_INVALID');
    await mkdir(join(root, 'c'));
    await store.put('c/d', Buffer.from('x'), text);
    expect((await thrownBy(() => store.put('c', Buffer.from('x'), text))).code).toBe('OBJECT_KEY_INVALID');
    expect(await store.stat('c')).toBeNull();
  });

  it('does not list what has no key, and tells of it', async () => {
    const root = await folder();
    const store = await openFileStore(root);
    await store.put('a', Buffer.from('x'), text);
    await store.put('in/b', Buffer.from('x'), text);
    for (const name of ['my holiday.mp4', 'in/ü.mp4']) await writeFile(join(root, name), 'x');
    const listed = async (prefix: string) => {
      const [keys, others]: string[][] = [[], []];
      for await (const key of store.list(prefix, { onOther: (name) => others!.push(name) })) keys!.push(key);
      return [keys, others];
    };
    expect(await listed('')).toEqual([
      ['a', 'in/b'],
      ['my holiday.mp4', 'in/ü.mp4'],
    ]);
    expect(await listed('in/')).toEqual([['in/b'], ['in/ü.mp4']]);
  });
});
