import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-test-command-'));
const shipped = readFileSync(join(root, 'topology.test.yaml'), 'utf8');
beforeAll(() => cpSync(join(root, 'topology.yaml'), join(folder, 'topology.yaml')));
afterAll(() => rmSync(folder, { recursive: true }));

/** As a person runs it. */
async function vimiTest(cwd: string, ...options: string[]) {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'test', ...options], { cwd });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, err, code };
}

it('the topology that ships passes its tests', async () => {
  const { out, err, code } = await vimiTest(root);
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('ok    a prompt is grounded in the document that it names');
  expect(out).toMatch(/\n10 passed, 0 failed\n$/);
});

it('one that fails shows what differs and where, and the event after each step', async () => {
  writeFileSync(join(folder, 'topology.test.yaml'), shipped.replace('frames: 8, fps: 8', 'frames: 9, fps: 8'));
  const name = 'a request is completed with defaults';
  const { out, code } = await vimiTest(folder, '--name', name);
  expect(code).toBe(1);
  const lines = out.split('\n').map((line) => line.trimEnd());
  const line = shipped.split('\n').findIndex((one) => one.includes('frames: 8, fps: 8'));
  const column = shipped.split('\n')[line]!.indexOf('8, fps: 8') + 1;
  expect(lines.slice(1, 5)).toEqual([
    `  topology.test.yaml:${line + 1}:${column} outputs.videos[0].frames`,
    '    - expected 9',
    '    + got      8',
    '  event 1 of generate (generate-1), after each step:',
  ]);
  const shown = lines.flatMap((one) => /^ {4}(\w+) {2,}\S/.exec(one)?.[1] ?? []);
  const steps = ['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode', 'outcome'];
  expect(shown).toEqual([...steps, ...steps]);
  expect(lines.at(-2)).toBe('0 passed, 1 failed');
});

it('--json says the same as objects, one a test', async () => {
  writeFileSync(join(folder, 'topology.test.yaml'), shipped.replace('frames: 8, fps: 8', 'frames: 9, fps: 8'));
  const { out, code } = await vimiTest(folder, '--json', 'topology.test.yaml');
  const results = out
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one));
  expect(code).toBe(1);
  expect(results.filter(({ passed }) => passed)).toHaveLength(results.length - 1);
  expect(results[0]).toMatchObject({
    name: 'a request is completed with defaults',
    file: 'topology.test.yaml',
    passed: false,
    differences: [{ path: 'outputs.videos[0].frames', expected: '9', got: '8' }],
    events: [
      { id: 'generate-1', outcome: { outcome: 'delivered' } },
      { id: 'generate-2', outcome: { outcome: 'delivered' } },
    ],
  });
});

it.each([
  [
    'a mistake in a test',
    shipped.replace('expect:', 'expects:'),
    [],
    "topology.test.yaml:12:5 error test 'a request is completed with defaults': unknown key 'expects'; did you mean 'expect'?",
  ],
  [
    'a name that no test has',
    shipped,
    ['--name', 'a clip that is too stil is dropped'],
    "did you mean 'a clip that is too still is dropped'?",
  ],
  ['a file that is not there', shipped, ['none.yaml'], 'error TOPOLOGY_NOT_FOUND'],
])('%s is a mistake of usage', async (_name, tests, options, message) => {
  writeFileSync(join(folder, 'topology.test.yaml'), tests);
  const { out, err, code } = await vimiTest(folder, ...options);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(message);
});

it('no tests at all is one too', async () => {
  const [bare] = readFileSync(join(root, 'topology.yaml'), 'utf8').split(/^tests:/m);
  writeFileSync(join(folder, 'bare.yaml'), bare!);
  const { err, code } = await vimiTest(folder, 'bare.yaml');
  expect(code).toBe(2);
  expect(err).toContain('No tests were found');
});
