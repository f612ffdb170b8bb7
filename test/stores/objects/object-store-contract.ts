import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { thrownBy } from '../../operators/run-operator.js';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const bytes = { mediaType: 'application/octet-stream' };

/** What every object store must do. `open` gives a store whose keys nobody else uses. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(`${name} keeps the object store contract`, () => {
    let store: ObjectStore;
    let folder: string;
    beforeAll(async () => {
      store = await open();
      folder = await mkdtemp(join(tmpdir(), 'vimi-objects-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    const read = async (key: string) => {
      const chunks: Buffer[] = [];
      for await (const chunk of await store.stream(key)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    };

    it('gives back what was put, with size, hash and media type', async () => {
      const body = Buffer.from('a fox runs');
      const ref = await store.put('one/fox.txt', body, { mediaType: 'text/x-fox' });
      expect(ref).toEqual({ key: 'one/fox.txt', size: 10, sha256: sha256(body), media_type: 'text/x-fox' });
      expect(await store.stat('one/fox.txt')).toEqual(ref);
      expect(await store.get('one/fox.txt', { sha256: ref.sha256 })).toEqual(body);
      expect(await read('one/fox.txt')).toEqual(body);
    });

    it('takes an empty object, and one of several megabytes from a file', async () => {
      expect((await store.put('empty', Buffer.alloc(0), bytes)).size).toBe(0);
      expect(await store.get('empty')).toHaveLength(0);
      const large = Buffer.alloc(5_000_001, 'vimi');
      const file = join(folder, 'large');
      await writeFile(file, large);
      const ref = await store.put('large', { file }, bytes);
      expect(ref).toMatchObject({ size: large.length, sha256: sha256(large) });
      expect((await store.get('large')).equals(large)).toBe(true);
      expect((await readFile(file)).equals(large)).toBe(true);
    });

    it('streams a range of the bytes, its ends included', async () => {
      await store.put('ranges', Buffer.from('0123456789'), bytes);
      const part = async (start: number, end: number) => {
        const chunks: Buffer[] = [];
        for await (const chunk of await store.stream('ranges', { start, end })) chunks.push(chunk as Buffer);
        return String(Buffer.concat(chunks));
      };
      expect(await part(0, 0)).toBe('0');
      expect(await part(3, 6)).toBe('3456');
      expect(await part(9, 9)).toBe('9');
      expect(await part(0, 9)).toBe('0123456789');
      const lost = await thrownBy(() => store.stream('ranges/none', { start: 0, end: 1 }));
      expect(lost.code).toBe('OBJECT_NOT_FOUND');
    });

    it('replaces an object', async () => {
      await store.put('again.txt', Buffer.from('old'), bytes);
      await store.put('again.txt', Buffer.from('newer'), { mediaType: 'text/plain' });
      expect(String(await store.get('again.txt'))).toBe('newer');
      expect(await store.stat('again.txt')).toMatchObject({ size: 5, media_type: 'text/plain' });
    });

    it('shows readers the old bytes or the new ones while it is replaced', async () => {
      const versions = [Buffer.alloc(300_000, 'a'), Buffer.alloc(200_000, 'b')];
      await store.put('flicker', versions[0]!, bytes);
      const writing = (async () => {
        for (let n = 1; n <= 20; n++) await store.put('flicker', versions[n % 2]!, bytes);
        return true;
      })();
      let done = false;
      writing.finally(() => {
        done = true;
      });
      while (!done) {
        const seen = await store.get('flicker');
        expect(versions.some((version) => version.equals(seen))).toBe(true);
      }
      await writing;
    });

    it('refuses bytes that are not the announced ones, and keeps the old object', async () => {
      await store.put('checked', Buffer.from('good'), bytes);
      const error = await thrownBy(() =>
        store.put('checked', Buffer.from('bad'), { ...bytes, sha256: sha256(Buffer.from('other')) }),
      );
      expect(error.code).toBe('OBJECT_DAMAGED');
      expect(String(await store.get('checked'))).toBe('good');
    });

    it('keeps what is under a name made from the bytes, whoever puts it again', async () => {
      const body = Buffer.from('a fox');
      const named = { mediaType: 'text/plain', byContent: true };
      const ref = await store.put('named/fox', body, named);
      const again = await store.put('named/fox', body, { ...named, mediaType: 'text/other' });
      expect(again).toMatchObject({ key: ref.key, size: ref.size, sha256: ref.sha256 });
      expect(await store.stat('named/fox')).toEqual(ref);
      const error = await thrownBy(() => store.put('named/fox', Buffer.from('an owl'), named));
      expect(error).toMatchObject({ code: 'OBJECT_DAMAGED' });
      expect(await store.get('named/fox')).toEqual(body);
      await store.remove('named/fox');
      expect(await store.put('named/fox', body, named)).toEqual(ref);
    });

    it('lets one of several writers of such a name win, and none replace it', async () => {
      const named = { ...bytes, byContent: true };
      for (const [key, size] of [
        ['raced/small', 100],
        ['raced/large', 17_000_000],
      ] as const) {
        const versions = ['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(size, letter));
        const ends = await Promise.allSettled(versions.map((version) => store.put(key, version, named)));
        const winners = versions.filter((_, n) => ends[n]!.status === 'fulfilled');
        expect(winners, key).toHaveLength(1);
        expect((await store.get(key)).equals(winners[0]!)).toBe(true);
        for (const end of ends)
          if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'OBJECT_DAMAGED' });
      }
    });

    it('says when an object is not the expected one, or larger than allowed', async () => {
      await store.put('sized', Buffer.from('12345'), bytes);
      expect((await thrownBy(() => store.get('sized', { sha256: '0'.repeat(64) }))).code).toBe('OBJECT_DAMAGED');
      expect((await thrownBy(() => store.get('sized', { maxBytes: 4 }))).code).toBe('MEDIA_TOO_LARGE');
      expect(await store.get('sized', { maxBytes: 5 })).toHaveLength(5);
    });

    it('says when there is no such object', async () => {
      expect(await store.stat('nothing/here')).toBeNull();
      expect((await thrownBy(() => store.get('nothing/here'))).code).toBe('OBJECT_NOT_FOUND');
      expect((await thrownBy(() => store.stream('nothing/here'))).code).toBe('OBJECT_NOT_FOUND');
      expect((await thrownBy(() => store.localFile('nothing/here'))).code).toBe('OBJECT_NOT_FOUND');
      await store.remove('nothing/here');
    });

    it.each([
      '',
      '/etc/passwd',
      '../outside',
      'a/../../outside',
      'a//b',
      'a/./b',
      'a/',
      'a\\b',
      'a b',
      'ä',
      'a\0b',
      '.store/meta/x',
      'x'.repeat(1025),
    ])('refuses the key %j', async (key) => {
      for (const use of [
        () => store.put(key, Buffer.from('x'), bytes),
        () => store.get(key),
        () => store.stream(key),
        () => store.stat(key),
        () => store.remove(key),
        () => store.localFile(key),
      ])
        expect((await thrownBy(use)).code).toBe('OBJECT_KEY_INVALID');
    });

    it('tells when an object was put, and put again', async () => {
      expect(await store.changedAt('when/never')).toBeNull();
      await store.put('when/first', Buffer.from('a'), bytes);
      const first = await store.changedAt('when/first');
      await store.put('when/second', Buffer.from('b'), bytes);
      await store.put('when/first', Buffer.from('a'), bytes);
      const [again, second] = [await store.changedAt('when/first'), await store.changedAt('when/second')];
      // Stores tell whole seconds, and their clock need not be this one.
      expect(Math.abs(first! - Date.now())).toBeLessThan(600_000);
      expect(again).toBeGreaterThanOrEqual(second! - 1000);
    });

    it('lists keys under a prefix in byte order', async () => {
      const keys = [
        'list/a',
        'list/a-b',
        'list/a.b',
        'list/b/a',
        'list/b/c/d',
        'list/b-1',
        'list/B',
        'list/ab',
        'listed',
      ];
      for (const key of keys) await store.put(key, Buffer.from(key), bytes);
      const list = async (prefix: string) => {
        const found: string[] = [];
        for await (const key of store.list(prefix)) found.push(key);
        return found;
      };
      const under = (prefix: string) =>
        keys.filter((key) => key.startsWith(prefix)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const prefix of ['list/', 'list', 'list/b', 'list/b/', 'list/b/c/d', 'list/nothing'])
        expect(await list(prefix), prefix).toEqual(under(prefix));
      expect(await list('')).toEqual(expect.arrayContaining(keys));
      // Listing goes on behind a key, also where none is there.
      for (const after of ['list/a-b', 'list/aa', 'list/b/', 'zzz', 'a']) {
        const behind: string[] = [];
        for await (const key of store.list('list/', { after })) behind.push(key);
        expect(behind, after).toEqual((await list('list/')).filter((key) => key > after));
      }
    });

    it('removes', async () => {
      await store.put('gone/soon', Buffer.from('x'), bytes);
      await store.remove('gone/soon');
      expect(await store.stat('gone/soon')).toBeNull();
      await store.put('gone/soon', Buffer.from('yy'), bytes);
      expect(await store.stat('gone/soon')).toMatchObject({ size: 2, media_type: bytes.mediaType });
    });

    it('lends a local file', async () => {
      await store.put('lent.txt', Buffer.from('lent'), bytes);
      const { path, release } = await store.localFile('lent.txt');
      expect(await readFile(path, 'utf8')).toBe('lent');
      await release();
      expect(String(await store.get('lent.txt'))).toBe('lent');
    });
  });
}
