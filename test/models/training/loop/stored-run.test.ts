import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { StoredRun } from '../../../../src/models/training/loop/stored-run.js';
import { openFileStore } from '../../../../src/stores/objects/files.js';
import type { ObjectStore } from '../../../../src/stores/objects/object-store.js';

const folder = () => mkdtemp(join(tmpdir(), 'vimi-'));
const keysOf = async (objects: ObjectStore) => {
  const keys: string[] = [];
  for await (const key of objects.list('')) keys.push(key);
  return keys;
};

/** A folder with the files of run `run`, as training leaves them. */
async function trained(run = 'r1'): Promise<string> {
  const out = await folder();
  await writeFile(join(out, 'recipe.json'), JSON.stringify({ run }));
  for (const name of ['log.jsonl', 'loss.svg', 'checkpoint.safetensors', 'samples.cache'])
    await writeFile(join(out, name), `${name} of ${run}`);
  return out;
}

test('what is stored can be fetched into an empty folder, but not the cache', async () => {
  const objects = await openFileStore(await folder());
  await new StoredRun(objects, 'runs/one/', await trained()).store();
  expect(await keysOf(objects)).toEqual(
    ['checkpoint.safetensors', 'log.jsonl', 'loss.svg', 'recipe.json'].map((name) => `runs/one/${name}`),
  );
  expect((await objects.stat('runs/one/loss.svg'))!.media_type).toBe('image/svg+xml');

  const empty = await folder();
  await new StoredRun(objects, 'runs/one', empty).fetch('r1', 1000);
  for (const name of ['log.jsonl', 'checkpoint.safetensors'])
    expect(await readFile(join(empty, name), 'utf8')).toBe(`${name} of r1`);
});

test('a folder with a checkpoint of its own keeps it, and an empty store gives nothing', async () => {
  const objects = await openFileStore(await folder());
  const empty = await folder();
  await new StoredRun(objects, 'x', empty).fetch('r1', 1000);
  await expect(readFile(join(empty, 'checkpoint.safetensors'))).rejects.toMatchObject({ code: 'ENOENT' });

  await new StoredRun(objects, 'x', await trained()).store();
  await writeFile(join(empty, 'checkpoint.safetensors'), 'further on');
  await new StoredRun(objects, 'x', empty).fetch('r1', 1000);
  expect(await readFile(join(empty, 'checkpoint.safetensors'), 'utf8')).toBe('further on');
});

test('another run, a damaged recipe and a checkpoint of impossible size are refused, and nothing is fetched', async () => {
  const objects = await openFileStore(await folder());
  await new StoredRun(objects, 'x', await trained('r2')).store();
  const empty = await folder();
  const fetching = (run: string, largest: number) => new StoredRun(objects, 'x', empty).fetch(run, largest);
  await expect(fetching('r1', 1000)).rejects.toMatchObject({ code: 'USAGE', where: 'x/recipe.json' });
  await expect(fetching('r2', 10)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED', where: 'x/checkpoint.safetensors' });
  await objects.put('x/recipe.json', Buffer.from('{'), { mediaType: 'application/json' });
  await expect(fetching('r2', 1000)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  await expect(readFile(join(empty, 'checkpoint.safetensors'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('only what has changed is stored again', async () => {
  const objects = await openFileStore(await folder());
  const out = await trained();
  const run = new StoredRun(objects, 'x', out);
  await run.store();
  await objects.remove('x/loss.svg');
  await objects.remove('x/log.jsonl');
  await writeFile(join(out, 'log.jsonl'), 'a longer log than before');
  await run.store();
  expect(await keysOf(objects)).toEqual(['x/checkpoint.safetensors', 'x/log.jsonl', 'x/recipe.json']);
});

test('what failed is stored the next time; at the end the failure says what is where', async () => {
  const root = await folder();
  let full = true;
  const objects = await openFileStore(root, {
    write: async (handle, chunk) => {
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      await handle.writeFile(chunk);
    },
  });
  const out = await trained();
  await writeFile(join(out, 'tiny.safetensors'), 'weights');
  const run = new StoredRun(objects, 'x', out);
  await expect(run.store()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
  await expect(run.finish(['tiny.safetensors'])).rejects.toMatchObject({
    code: 'STORAGE_FULL',
    expected: expect.stringContaining('tiny.safetensors'),
    where: expect.stringContaining(out),
  });
  full = false;
  await run.finish(['tiny.safetensors']);
  expect(await keysOf(objects)).toContain('x/tiny.safetensors');
  expect(await keysOf(objects)).toContain('x/checkpoint.safetensors');
});

test('a fetch that is cut off leaves no checkpoint', async () => {
  const root = await folder();
  const objects = await openFileStore(root);
  await new StoredRun(objects, 'x', await trained()).store();
  const stream = async (key: string) =>
    Readable.from(
      (async function* () {
        yield (await objects.get(key)).subarray(0, 5);
        throw Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
      })(),
    );
  const torn = new Proxy(objects, {
    get(target, name) {
      const value = name === 'stream' ? stream : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const out = await folder();
  await expect(new StoredRun(torn, 'x', out).fetch('r1', 1000)).rejects.toMatchObject({ name: 'VimiError' });
  expect(await readdir(out)).toEqual([]);
});
