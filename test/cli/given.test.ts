import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testFolder } from '../media/make-media.js';
import { patient } from '../support/patience.js';

/* What a command does with what it is given to run with: addresses, users, readers, signals. */

const root = join(import.meta.dirname, '../..');
const vimi = join(root, 'dist/cli/vimi.js');
const top = await testFolder();

/** A folder of its own, with the topology that ships and no model; null: with the one that ships. */
function project(name: string, model: string | null = 'fake'): string {
  const folder = join(top, name);
  mkdirSync(folder);
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'topology.yaml'),
    model === null ? topology : topology.replace(/model: nano, upsampler: [\w-]+/, `model: ${model}`),
  );
  return folder;
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

async function ended(child: ChildProcess, input = ''): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin?.end(input);
  const [code, signal] = await once(child, 'close');
  return { code, signal, out, err };
}

const run = (cwd: string, args: string[], input = '') =>
  ended(spawn(process.execPath, [vimi, ...args], { cwd }), input);

/** In a shell, which can take things away before it becomes the command: `$@`. */
const inShell = (cwd: string, script: string, args: string[]) =>
  ended(spawn('bash', ['-c', script, 'bash', process.execPath, vimi, ...args], { cwd }));

/** Takes away what only this user has; false where it cannot. */
const canBeNobody = (() => {
  try {
    execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', '0']);
    return true;
  } catch {
    return false;
  }
})();
/** There when npm could run the install script of the optional dependency. */
const installedTensorflow = join(root, 'node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8/tfjs_binding.node');
const withoutOnnxruntime = join(import.meta.dirname, 'without-onnxruntime.mjs');
const asNobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"';

it.skipIf(process.platform !== 'linux').each([
  ['of Node', 1_500_000, 'fake', /^vimi needs 3 GB of address space.*allows 1\.5 GB\n.*ulimit -v unlimited/],
  ['of WebAssembly', 6_000_000, null, /^error MODEL_UNAVAILABLE: .*WebAssembly gets no memory: expected 16 GB/],
])('[safety S13] with too few addresses says so instead of dying %s', async (name, kilobytes, model, words) => {
  const folder = project(`addresses ${name}`, model);
  // Where there is onnxruntime or tensorflow it is served with that, which needs no WebAssembly.
  const limited = `unset VIMI_TENSORFLOW; export NODE_OPTIONS=--import=${withoutOnnxruntime}; ulimit -v ${kilobytes} && exec "$@"`;
  const { code, signal, err } = await inShell(folder, limited, ['run', '--pipeline', 'generate', '--drain']);
  expect(err).not.toContain('INTERNAL');
  if (name === 'of WebAssembly' && existsSync(installedTensorflow)) return;
  expect(err).toMatch(words);
  expect([code, signal]).toEqual([1, null]);
});

it.each(['SIGINT', 'SIGTERM'] as const)('[use U12] read --follow is stopped by %s, with 0', async (signal) => {
  const folder = project(`follow ${signal}`);
  await run(folder, ['publish', 'requests'], '{"prompt":"a fox"}\n');
  const child = spawn(process.execPath, [vimi, 'read', 'requests', '--follow', '--json'], { cwd: folder });
  const end = ended(child);
  await once(child.stdout!, 'data');
  child.kill(signal);
  const { code, out, err } = await end;
  expect(JSON.parse(out)).toMatchObject({ topic: 'requests', data: { prompt: 'a fox' } });
  expect(err.trim()).toBe('stopping; press again to leave now');
  expect(code).toBe(0);
});

it('[use U12] read --follow ends when its reader is gone, and a run goes on', async () => {
  const folder = project('readers');
  await run(folder, ['publish', 'requests'], '{"prompt":"a fox"}\n'.repeat(30));
  const head = ended(
    spawn(
      'bash',
      [
        '-c',
        '"$@" | head -1; exit $PIPESTATUS',
        'bash',
        process.execPath,
        vimi,
        'read',
        'requests',
        '--json',
        '--follow',
      ],
      { cwd: folder },
    ),
  );
  // It notices at the next event.
  await expect
    .poll(async () => {
      await run(folder, ['publish', 'requests'], '{"prompt":"a fox"}\n');
      return Promise.race([head, null]);
    }, patient)
    .toMatchObject({ code: 0, err: '' });
  const deaf = spawn(
    'bash',
    [
      '-c',
      '"$@" 2>&1 | head -c 1 > /dev/null; exit $PIPESTATUS',
      'bash',
      process.execPath,
      vimi,
      'run',
      '--pipeline',
      'generate',
      '--drain',
    ],
    { cwd: folder },
  );
  expect((await ended(deaf)).code).toBe(0);
  const videos = (await run(folder, ['read', 'videos'])).out.trim().split('\n');
  expect(videos.length).toBeGreaterThanOrEqual(31);
});

it.skipIf(!canBeNobody)('[kind 12] another user learns whose log it is, and what to do', async () => {
  const folder = project('foreign');
  chmodSync(top, 0o755);
  await run(folder, ['publish', 'requests'], '{"prompt":"a fox"}\n');
  const { code, err } = await inShell(folder, asNobody, ['read', 'requests']);
  expect(err).toMatch(/^error TRANSPORT_UNAVAILABLE: .*EACCES.*log\.sqlite.*\n {2}→ Run as the user who made the log/);
  expect(code).toBe(1);
});

it.skipIf(!canBeNobody)('[kind 12] where nothing may be written the folder is named', async () => {
  const folder = project('read-only');
  chmodSync(top, 0o755);
  chmodSync(folder, 0o555);
  for (const args of [['run', '--drain'], ['demo'], ['generate', 'a fox'], ['read', 'videos']]) {
    const { code, err } = await inShell(folder, asNobody, args);
    expect(err).toMatch(/error FILE_UNUSABLE: .*EACCES: permission denied, mkdir .*\.vimi/);
    expect(code).toBe(1);
  }
});

it('[kind 2] takes files of Windows, topics with dots and ids with slashes', async () => {
  const folder = project('windows');
  const file = join(folder, 'topology.yaml');
  const dotted = readFileSync(file, 'utf8').replace(/\brequests\b/g, 'team.a.requests');
  writeFileSync(file, `\ufeff${dotted.replaceAll('\n', '\r\n')}`);
  const event = { specversion: '1.0', id: '../a/b', source: '/shop', type: 'dev.vimi.generation.requested.v1' };
  const line = JSON.stringify({ ...event, data: { prompt: 'a fox' } });
  const published = await run(folder, ['publish', 'team.a.requests'], `\ufeff${line}\r\n\r\n`);
  expect(published).toMatchObject({ code: 0, out: expect.stringContaining('published 1 event to team.a.requests') });
  const { code, out } = await run(folder, ['run', '--pipeline', 'generate', '--drain']);
  expect(out).toBe('generate drained: delivered 1, rejected 0, dropped 0\n');
  expect(code).toBe(0);
  const got = await run(folder, ['videos', 'get', '../a/b']);
  // Its own id, made plain: no folder is left or entered.
  expect(got.out).toMatch(/\na-b-[0-9a-f]{20}-[0-9a-f]{16}\.mp4\n$/);
});

it('[kind 11] generate says before it asks for a video that it cannot be written there', async () => {
  const folder = project('nowhere');
  for (const [to, found] of [
    ['missing/fox.mp4', /ENOENT/],
    ['.', /found a folder/],
  ] as const) {
    const { code, err } = await run(folder, ['generate', 'a fox', '--out', to]);
    expect(err).toMatch(/^error FILE_UNUSABLE: No video can be written there, so none was asked for/);
    expect(err).toMatch(found);
    expect(code).toBe(1);
  }
  expect(existsSync(join(folder, '.vimi/objects/videos'))).toBe(false);
});

it('generate puts images in the place of the words that they stand for', async () => {
  const folder = project('words');
  const images = join(root, 'examples/media/images');
  const base64 = (name: string) => readFileSync(join(images, name)).toString('base64');
  const generate = (...args: string[]) =>
    run(folder, ['generate', 'a red fox chases a fox in front of the sea', ...args, '--frames', '4']);
  const placed = ['--subject', `fox=${images}/bear.png`, '--subject', `red fox=${images}/fox.png`];
  const behind = ['--background', `the sea=${images}/turtle.png`, '--image', `${images}/bear.png`];
  expect(await generate(...placed, ...behind)).toMatchObject({ code: 0, err: expect.not.stringContaining('error') });
  const { out } = await run(folder, ['read', 'requests', '--json']);
  expect(JSON.parse(out).data.prompt).toEqual([
    { text: 'a' },
    { image: { base64: base64('fox.png') }, role: 'subject', entity: 'red fox' },
    { text: 'chases a' },
    { image: { base64: base64('bear.png') }, role: 'subject', entity: 'fox' },
    { text: 'in front of' },
    { image: { base64: base64('turtle.png') }, role: 'background', entity: 'the sea' },
    { image: { base64: base64('bear.png') } },
  ]);
  const { code, err } = await generate('--subject', `wolf=${images}/fox.png`);
  expect(err).toMatch(/^error EVENT_INVALID: .*found wolf.*--subject wolf=.*fox\.png/);
  expect(code).toBe(1);
});

it('[use U12] a folder without media is told as that', async () => {
  const folder = project('no media');
  mkdirSync(join(folder, 'notes'));
  writeFileSync(join(folder, 'notes/readme.txt'), 'a text');
  const { code, out } = await run(folder, ['ingest', 'notes']);
  expect(out).toMatch(/^published 0 media to media\nfound no video and no image in what was named\nskipped 1: text/);
  expect(code).toBe(0);
});

it('[use U15] an operator that Node takes for CommonJS is told how to be a module', async () => {
  const folder = project('commonjs');
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
  writeFileSync(join(folder, 'shout.js'), "import { z } from 'zod';\nexport default z;\n");
  const topology = readFileSync(join(folder, 'topology.yaml'), 'utf8');
  writeFileSync(join(folder, 'topology.yaml'), topology.replace('- fetch', '- use: ./shout.js\n    - fetch'));
  const { code, out } = await run(folder, ['validate']);
  expect(out).toContain(
    'outside a module; its package.json says that such files are CommonJS: name it .mjs, or set "type"',
  );
  expect(code).toBe(2);
});

describe('[use U8] what is too old or missing is named, with what to type', () => {
  // What an older Node says of itself; the rest of it is today's.
  const older = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.8'}})`;
  const checkMachine = join(root, 'install/check-machine.cjs');

  it('a Node that is too old, by every command and by the installation', async () => {
    const asked = ended(spawn(process.execPath, ['--import', older, vimi, 'doctor'], { cwd: top }));
    const { code, err } = await asked;
    expect(err).toMatch(/^vimi needs Node 20\.19 or newer: this is 18\.20\.8\n.*nvm install 20.*npm ci/);
    expect(code).toBe(2);
    const installing = await ended(spawn(process.execPath, ['--import', older, checkMachine, '--node'], { cwd: top }));
    expect(installing.err).toMatch(/^vimi: Node 18\.20\.8 is too old: 20\.19 .*npm ci under that Node\.\n$/);
    expect(installing.code).toBe(1);
  });

  it('Python and the compiler', async () => {
    const env = { PATH: join(top, 'nothing') };
    const { code, err } = await ended(spawn(process.execPath, [checkMachine], { cwd: top, env }));
    expect(err).toMatch(
      /^vimi: There is no Python 3.*apt-get install python3.*\nvimi: There is no C\+\+ compiler.*build-essential/,
    );
    expect(code).toBe(1);
  });
});
