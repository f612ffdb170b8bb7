import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backUp, restore } from '../../src/app/backup.js';
import { Workspace } from '../../src/app/workspace.js';
import { makeMedia, project, takeIn } from '../cli/small-corpus.js';
import { never } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-backup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const around = { version: '0.0.0', signal: never };
let media: string;
let workspace: Workspace;
let keys: string;
let webhooks: string;
let damages = 0;

beforeAll(async () => {
  media = await makeMedia(folder);
  workspace = await project(join(folder, 'first'), '{ score_only: true }');
  await takeIn(workspace, media);
  keys = join(folder, 'first/.vimi/keys.json');
  writeFileSync(keys, '{"keys":[]}', { mode: 0o600 });
  webhooks = join(folder, 'first/.vimi/webhooks.json');
  writeFileSync(webhooks, '{"secrets":[]}', { mode: 0o600 });
}, patience(300));
afterAll(() => workspace?.close());

const copy = async (name: string, onObject?: (done: number) => void) => {
  const to = join(folder, name);
  return {
    to,
    ...(await backUp(workspace.topology, to, { ...around, keys, webhooks, ...(onObject && { onObject }) })),
  };
};

/** A project of the same topology, elsewhere, with nothing in it. */
async function empty(name: string): Promise<Workspace> {
  await mkdir(join(folder, name), { recursive: true });
  await cp(workspace.topology.file, join(folder, name, 'topology.yaml'));
  return Workspace.open({ topology: join(folder, name, 'topology.yaml'), log: quietLog });
}

async function restored(from: string, name: string): Promise<Workspace> {
  const opened = await empty(name);
  const [keys, webhooks] = [join(folder, name, '.vimi/keys.json'), join(folder, name, '.vimi/webhooks.json')];
  await restore(opened.topology, from, { ...around, keys, webhooks });
  return opened;
}

async function keysOf(opened: Workspace): Promise<string[]> {
  const found: string[] = [];
  for await (const key of (await opened.objects()).list('')) found.push(key);
  return found;
}

async function recordsOf(opened: Workspace): Promise<string[]> {
  const transport = await opened.transport();
  const found: string[] = [];
  for (const topic of opened.topology.topics.keys())
    for await (const { partition, offset, key, value } of transport.read(topic))
      found.push(`${topic}/${partition}/${offset} ${key} ${value}`);
  return found;
}

describe('[use U16] a backup of the embedded profile', { timeout: patience(300) }, () => {
  it('is restored with every record, position and object, and what is known already stays known', async () => {
    const { to, manifest, objects } = await copy('whole');
    expect(objects.copied).toBe(objects.count);
    const again = await restored(to, 'again');
    try {
      expect(await recordsOf(again)).toEqual(await recordsOf(workspace));
      expect(await keysOf(again)).toEqual(await keysOf(workspace));
      expect(manifest.objects.count).toBe((await keysOf(again)).length);
      expect(await readFile(join(folder, 'again/.vimi/keys.json'), 'utf8')).toBe('{"keys":[]}');
      const restoredSecrets = join(folder, 'again/.vimi/webhooks.json');
      expect(await readFile(restoredSecrets, 'utf8')).toBe('{"secrets":[]}');
      expect((await stat(restoredSecrets)).mode & 0o777).toBe(0o600);
      const { topics } = workspace.topology;
      for (const { group, from } of workspace.topology.pipelines)
        expect(await (await again.transport()).positions(group, from)).toEqual(
          await (await workspace.transport()).positions(group, from),
        );
      expect(topics.size).toBeGreaterThan(5);
      // The same media are duplicates there, and the index is made from the log.
      expect((await takeIn(again, media)).outcomes).toEqual({ delivered: 0, rejected: 0, dropped: { duplicate: 3 } });
      const documents = async (opened: Workspace) => (await (await opened.bareCorpus()).state()).documents;
      expect(await documents(again)).toBe(await documents(workspace));
    } finally {
      await again.close();
    }
  });

  it('is made while records come in: what its log names is there', async () => {
    const transport = await workspace.transport();
    const objects = await workspace.objects();
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; n < 150 && !isOver; n++) {
        const key = `stills/late-${n}.webp`;
        await objects.put(key, Buffer.from(`still ${n}`), { mediaType: 'image/webp' });
        await transport.publish([{ topic: 'videos', key: Buffer.from(key), headers: {}, value: Buffer.from('{}') }]);
      }
    })();
    const backups = [await copy('under-way'), await copy('under-way'), await copy('under-way')];
    isOver = true;
    await writing;
    expect(backups[1]!.objects.copied).toBeLessThan(backups[1]!.objects.count);
    const again = await restored(join(folder, 'under-way'), 'under-way-again');
    try {
      const there = new Set(await keysOf(again));
      let named = 0;
      for await (const { key } of (await again.transport()).read('videos')) {
        expect(there).toContain(String(key));
        named++;
      }
      expect(named).toBeGreaterThan(0);
    } finally {
      await again.close();
    }
  });

  it('is whole when an object goes while it is made, and keeps what its log still names', async () => {
    const transport = await workspace.transport();
    const objects = await workspace.objects();
    const key = 'stills/a-merged.webp';
    const put = () => objects.put(key, Buffer.from('merged later'), { mediaType: 'image/webp' });
    const removed = () => rmSync(join(folder, 'first/.vimi/objects', key));
    await put();
    await transport.publish([{ topic: 'videos', key: Buffer.from(key), headers: {}, value: Buffer.from('{}') }]);
    const all = (await keysOf(workspace)).length;
    // All were copied, and the log was not.
    await copy('early', (done) => done === all && removed());
    await put();
    // The log was copied: it names what goes now, before it is looked at once more.
    await copy('late', (done) => done === all + 1 && removed());
    for (const [name, isThere] of [
      ['early', false],
      ['late', true],
    ] as const) {
      const again = await restored(join(folder, name), `${name}-again`);
      try {
        expect((await keysOf(again)).includes(key)).toBe(isThere);
      } finally {
        await again.close();
      }
    }
  });

  it('copies what an object is now when it was replaced while it was to be copied', async () => {
    const objects = await workspace.objects();
    const keys = ['claims/a-first', 'claims/b-replaced', 'claims/c-gone'];
    for (const key of keys) await objects.put(key, Buffer.from('before'), { mediaType: 'text/plain' });
    const at = (key: string) => join(folder, 'first/.vimi/objects', key);
    await copy('replaced', (done) => {
      if (done !== 1) return;
      writeFileSync(at(keys[1]!), 'after that');
      rmSync(at(keys[2]!));
    });
    expect(readdirSync(join(folder, 'replaced/objects/claims'))).toEqual(['a-first', 'b-replaced']);
    expect(await readFile(join(folder, 'replaced/objects', keys[1]!), 'utf8')).toBe('after that');
  });

  it('is written by one command at a time, and not into a folder that vimi works in', async () => {
    let second: Promise<unknown> = Promise.resolve();
    await copy('alone', (done) => {
      if (done === 1) second = copy('alone').catch((thrown) => thrown);
    });
    expect(await second).toMatchObject({ code: 'USAGE', message: expect.stringContaining('Another command') });
    await expect(copy('first/.vimi/objects/backup')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(copy('first/.vimi/index')).rejects.toMatchObject({ code: 'USAGE' });
    expect(await keysOf(workspace)).not.toContain('backup/log.sqlite');
  });

  it('is not restored beside what is left of another log', async () => {
    const { to } = await copy('beside');
    const opened = await empty('beside-again');
    await mkdir(join(folder, 'beside-again/.vimi'), { recursive: true });
    const left = join(folder, 'beside-again/.vimi/log.sqlite-wal');
    writeFileSync(left, 'of a log that was killed and moved away');
    await expect(restore(opened.topology, to, { ...around, keys, webhooks })).rejects.toMatchObject({
      code: 'USAGE',
      where: left,
    });
  });

  it('loses what was removed when it is brought up to date', async () => {
    const objects = await workspace.objects();
    await objects.put('stills/secret.webp', Buffer.from('secret'), { mediaType: 'image/webp' });
    const { to } = await copy('shrinking');
    await expect(stat(join(to, 'objects/stills/secret.webp'))).resolves.toBeTruthy();
    await objects.remove('stills/secret.webp');
    await copy('shrinking');
    await expect(stat(join(to, 'objects/stills/secret.webp'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused where something else is, and restored only to where nothing is', async () => {
    await mkdir(join(folder, 'other'));
    writeFileSync(join(folder, 'other/diary.txt'), 'mine');
    await expect(copy('other')).rejects.toMatchObject({ code: 'USAGE', where: join(folder, 'other') });
    expect(await readdir(join(folder, 'other'))).toEqual(['diary.txt']);
    const { to } = await copy('plain');
    await expect(restore(workspace.topology, to, { ...around, keys, webhooks })).rejects.toMatchObject({
      code: 'USAGE',
    });
    const nothing = await empty('nothing');
    const made = backUp(nothing.topology, join(folder, 'of-nothing'), { ...around, keys, webhooks });
    await expect(made).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('nothing to back up') });
  });

  it.each([
    ['its manifest is missing', (of: string) => rename(join(of, 'backup.json'), join(of, 'x'))],
    ['its manifest is nonsense', async (of: string) => writeFileSync(join(of, 'backup.json'), '{"layout":2}')],
    ['its log has other bytes', async (of: string) => appendFileSync(join(of, 'log.sqlite'), 'x')],
    ['an object is missing', async (of: string) => rmSync(join(of, 'objects/stills'), { recursive: true })],
  ])('is not restored when %s, and leaves no log behind', async (_, damage) => {
    const name = `damaged-${damages++}`;
    const { to } = await copy(name);
    await damage(to);
    const opened = await empty(`${name}-again`);
    const trying = restore(opened.topology, to, { ...around, keys: join(folder, 'nowhere.json'), webhooks });
    await expect(trying).rejects.toMatchObject({ code: 'FILE_UNUSABLE' });
    await expect(stat(join(folder, `${name}-again`, '.vimi/log.sqlite'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of a profile on servers is refused', async () => {
    const env = { KAFKA_BROKERS: 'a:1', S3_ENDPOINT: 'http://a:1', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' };
    const { topology } = await Workspace.open({
      topology: workspace.topology.file,
      profile: 'cluster',
      env,
      log: quietLog,
    });
    await expect(backUp(topology, join(folder, 'cluster'), { ...around, keys, webhooks })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});
