import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorpusIndex } from '../../src/stores/corpus/index/corpus-index.js';
import { openFileStore } from '../../src/stores/objects/files.js';
import { thrownBy } from '../operators/run-operator.js';
import { smallDisk } from '../support/small-disk.js';
import { corpusDocument, embedder, query, records } from './corpus/corpus-documents.js';

const { place, mounted } = smallDisk(600 * 1024);

describe.skipIf(!mounted)('on a file system that is really full', () => {
  it('the file store says so, keeps what it has, and goes on when there is room again', async () => {
    const root = join(place, 'objects');
    const store = await openFileStore(root);
    const type = { mediaType: 'application/octet-stream' };
    await store.put('kept', Buffer.from('kept'), type);
    const error = await thrownBy(() => store.put('too/large', Buffer.alloc(900_000), type));
    expect(error).toMatchObject({ code: 'STORAGE_FULL', retryable: true });
    expect(readdirSync(join(root, '.store', 'temporary'))).toEqual([]);
    expect(await store.stat('too/large')).toBeNull();
    expect(String(await store.get('kept'))).toBe('kept');
    await store.put('too/large', Buffer.alloc(100_000), type);
    rmSync(root, { recursive: true });
  });

  it('[safety S7] the file store tells an empty mount point from an empty store', async () => {
    const root = join(place, 'mount');
    mkdirSync(root);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tmpfs', root]);
    const store = await openFileStore(root);
    const type = { mediaType: 'application/octet-stream' };
    await store.put('kept', Buffer.from('kept'), type);
    execFileSync('umount', [root]);
    const gone = { code: 'STORAGE_UNAVAILABLE', where: root };
    expect(await thrownBy(() => store.stat('kept'))).toMatchObject(gone);
    expect(await thrownBy(() => store.put('hidden', Buffer.from('x'), type))).toMatchObject(gone);
    expect(readdirSync(root)).toEqual([]);
    rmSync(root, { recursive: true });
  });

  it('the corpus index says so, takes nothing half, and goes on when there is room again', async () => {
    const folder = join(place, 'index');
    mkdirSync(folder);
    writeFileSync(join(folder, 'filler'), Buffer.alloc(300_000));
    const index = new CorpusIndex({ folder, embedder, log: () => {} });
    index.positions();
    const many = Array.from({ length: 200 }, (_, n) => corpusDocument(`an image of the number ${n}`));
    let error: unknown;
    let applied = 0;
    for (let n = 0; n < many.length && !error; n += 5)
      try {
        index.apply(records(many.slice(n, n + 5), n));
        applied = n + 5;
      } catch (thrown) {
        error = thrown;
      }
    expect(error).toMatchObject({ code: 'STORAGE_FULL', retryable: true });
    expect(index.positions()).toEqual(applied ? { 0: applied } : {});
    expect(index.state().documents).toBe(applied);
    rmSync(join(folder, 'filler'));
    index.apply(records(many.slice(applied, applied + 5), applied));
    expect(index.state().documents).toBe(applied + 5);
    expect(index.search(query(`number ${applied + 3}`)).context[0]?.caption).toContain(`${applied + 3}`);
    index.close();
  });
});
