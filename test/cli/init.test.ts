import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { init } from '../../src/cli/commands/init.js';
import { operators } from '../../src/operators/index.js';
import { checkTopologyFile } from '../../src/streams/topology/read-topology.js';
import { thrownBy } from '../operators/run-operator.js';
import { temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';

const folders: ReturnType<typeof temporaryFolder>[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

async function project(options: { typescript?: boolean }) {
  const folder = temporaryFolder();
  folders.push(folder);
  const lines: string[] = [];
  const out = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream;
  await init(folder.path, options, out);
  mkdirSync(join(folder.path, 'node_modules'));
  symlinkSync(join(import.meta.dirname, '../..'), join(folder.path, 'node_modules/vimi'));
  const read = (name: string) => readFileSync(join(folder.path, name), 'utf8');
  return {
    folder: folder.path,
    told: lines.join(''),
    read,
    check: () => checkTopologyFile(join(folder.path, 'topology.yaml'), { env: {}, operators }),
  };
}

describe('vimi init', () => {
  it('begins a project whose operator is a step, and says what to do next', async () => {
    const { told, read, check } = await project({});
    expect(told).toContain('npx vimi docs ./operators/refuse-words.js');
    const { dependencies, type } = JSON.parse(read('package.json'));
    // From a clone: npm finds it there, whether or not a registry has it.
    expect({ dependencies, type }).toEqual({
      dependencies: { vimi: `file:${join(import.meta.dirname, '../..')}` },
      type: 'module',
    });
    const { topology, mistakes } = await check();
    expect(mistakes).toEqual([]);
    expect(topology?.pipelines.find(({ name }) => name === 'generate')?.steps[1]).toMatchObject({
      name: 'refuse-words',
      config: { words: [] },
    });
  });

  it('names what npm installed vimi from: a version of a registry, or a tarball', async () => {
    const root = join(import.meta.dirname, '../..');
    // Below the repository, so that its dependencies are found.
    mkdirSync(join(root, '.cache'), { recursive: true });
    const place = mkdtempSync(join(root, '.cache/init-'));
    folders.push({
      path: place,
      remove: () => rmSync(place, { recursive: true, force: true }),
    } as (typeof folders)[number]);
    const vimi = join(place, 'node_modules/vimi');
    for (const name of ['dist', 'assets', 'examples/project', 'package.json', 'topology.yaml', 'topology.test.yaml'])
      cpSync(join(root, name), join(vimi, name), { recursive: true });
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const { init: installed } = (await import(pathToFileURL(join(vimi, 'dist/cli/commands/init.js')).href)) as {
      init: typeof init;
    };
    const asked = async (resolved: string | null) => {
      const lock = { packages: { 'node_modules/vimi': { resolved } } };
      writeFileSync(join(place, 'node_modules/.package-lock.json'), resolved === null ? 'torn' : JSON.stringify(lock));
      const folder = temporaryFolder();
      folders.push(folder);
      await installed(folder.path, {}, { write: () => true } as unknown as NodeJS.WritableStream);
      return JSON.parse(readFileSync(join(folder.path, 'package.json'), 'utf8')).dependencies.vimi;
    };
    writeFileSync(join(place, 'vimi.tgz'), '');
    expect(await asked('file:vimi.tgz')).toBe(`file:${join(place, 'vimi.tgz')}`);
    expect(await asked('file:../gone.tgz')).toBe(`file:${vimi}`);
    expect(await asked('https://registry.example/vimi.tgz')).toBe(`^${version}`);
    expect(await asked(null)).toBe(`^${version}`);
  });

  it('has written all of it before it says so: whoever reads the first line alone has a whole project', async () => {
    const folder = temporaryFolder();
    folders.push(folder);
    const there: boolean[] = [];
    const write = () => there.push(existsSync(join(folder.path, '.gitignore')));
    const out = { write } as unknown as NodeJS.WritableStream;
    await init(folder.path, {}, out);
    expect(there.length).toBeGreaterThan(1);
    expect(there).not.toContain(false);
  });

  it('writes over nothing, and nothing at all when it would have to', async () => {
    const { folder, read } = await project({});
    writeFileSync(join(folder, 'topology.yaml'), 'mine');
    const error = await thrownBy(() => init(folder, { typescript: true }, process.stdout));
    expect(error).toMatchObject({ code: 'USAGE', where: join(folder, 'topology.yaml') });
    expect(read('topology.yaml')).toBe('mine');
    expect(() => read('operators/refuse-words.ts')).toThrow('ENOENT');
  });
});

describe('an operator in TypeScript, on a Node that does not read it', () => {
  const { features } = process as unknown as { features: { typescript?: unknown } };
  const before = Object.getOwnPropertyDescriptor(features, 'typescript');
  const isOld = () => Object.defineProperty(features, 'typescript', { value: false, configurable: true });
  afterEach(() => {
    if (before) Object.defineProperty(features, 'typescript', before);
    else Reflect.deleteProperty(features, 'typescript');
  });

  it('is taken as the compiler built it, and the message says so where it did not', async () => {
    const { folder, read, check } = await project({ typescript: true });
    isOld();
    const message = async () => (await check()).mistakes.map(({ message }) => message).join('\n');
    expect(await message()).toMatch(
      /refuse-words\.ts.*from Node 22\.18 on, and this is v.*run npx tsc, so that refuse-words\.js stands beside it, or use a newer Node/,
    );
    const built = join(folder, 'operators/refuse-words.js');
    writeFileSync(built, read('operators/refuse-words.ts').replace('(text: string): string[]', '(text)'));
    utimesSync(built, 1, 1);
    expect(await message()).toMatch(/refuse-words\.js, beside it, is older than it; run npx tsc again/);
    utimesSync(built, new Date(), new Date(Date.now() + 60_000));
    const { topology, mistakes } = await check();
    expect(mistakes).toEqual([]);
    expect(topology?.pipelines.find(({ name }) => name === 'generate')?.steps[1]?.name).toBe('refuse-words');
  });
});
