import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it, vi } from 'vitest';
import { patient } from '../support/patience.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vimi-thread-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const watch = pathToFileURL(resolve(import.meta.dirname, '../../dist/core/thread-watch.js'));

/** A process that watches its thread and runs `work` as a step. */
function start(name: string, work: string, options: string[] = [], watched = true) {
  const module = join(folder, `${name}.mjs`);
  writeFileSync(module, `export async function work() {\n  await null;\n  ${work}\n}\n`);
  const program = `
    import { watchThread } from '${watch}';
    import { work } from '${pathToFileURL(module)}';
    watchThread([
      { pipeline: 'corpus', step: 'another', module: '/another.mjs' },
      ${watched ? `{ pipeline: 'corpus', step: '${name}', module: '${module}' },` : ''}
    ], 50);
    setInterval(() => {}, 1000);
    setTimeout(work, 500);`;
  return spawn(process.execPath, [...options, '--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** The first lines of a process whose thread a step keeps; `work` is line 3. */
async function told(name: string, work: string, lines: number, watched = true): Promise<Record<string, unknown>[]> {
  const child = start(name, work, [], watched);
  const found: Record<string, unknown>[] = [];
  for await (const line of createInterface(child.stderr)) if (found.push(JSON.parse(line)) === lines) break;
  child.kill('SIGKILL');
  return found;
}

it.each([
  ['loops', 'for (;;) Math.sqrt(2);'],
  ['matches', "/^(a+)+$/.test('a'.repeat(60) + 'b');"],
])('a step that %s for ever is named, with its file and line', async (name, work) => {
  const [line] = await told(name, work, 1);
  expect(line).toMatchObject({ level: 50, pipeline: 'corpus', step: name, function: 'work' });
  expect(line!.where).toBe(`${join(folder, `${name}.mjs`)}:3`);
});

it('only warns where no custom operator keeps the thread, and still says where it is', async () => {
  const [line] = await told('own', 'for (;;) Math.sqrt(2);', 1, false);
  expect(line).toMatchObject({
    level: 40,
    where: `${join(folder, 'own.mjs')}:3`,
    function: 'work',
    msg: expect.stringContaining('outside the custom operators'),
  });
  expect(line).not.toHaveProperty('step');
});

it('says when the thread is free again', async () => {
  const until = 'for (const end = Date.now() + 3_000; Date.now() < end; );';
  const [, freed] = await told('waits', until, 2);
  expect(freed).toMatchObject({ level: 40, msg: expect.stringContaining('free again') });
});

it('leaves a breakpoint to the debugger, and says that there may be one', async () => {
  const child = start('stopped', 'debugger;', ['--inspect-wait=127.0.0.1:0']);
  const lines = createInterface(child.stderr)[Symbol.asyncIterator]();
  const next = async (pattern: RegExp) => {
    for (;;) {
      const { value } = await lines.next();
      const [found] = pattern.exec(value) ?? [];
      if (found) return found;
    }
  };
  // Node 20 has WebSocket by an option only.
  const attach = `
    const socket = new WebSocket('${await next(/ws:\S+/)}');
    socket.onopen = () => {
      for (const [id, method] of ['Debugger.enable', 'Runtime.runIfWaitingForDebugger'].entries())
        socket.send(JSON.stringify({ id, method }));
    };
    socket.onmessage = ({ data }) => {
      const { method } = JSON.parse(data);
      if (/paused|resumed/.test(method)) console.log(method);
    };`;
  const attached = spawn(process.execPath, ['--experimental-websocket', '--input-type=module', '-e', attach], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let seen = '';
  attached.stdout.on('data', (chunk) => (seen += chunk));
  try {
    expect(JSON.parse(await next(/^\{.*/))).toMatchObject({ level: 40, msg: expect.stringContaining('breakpoint') });
    await vi.waitFor(() => expect(seen).toBe('Debugger.paused\n'), patient);
  } finally {
    attached.kill('SIGKILL');
    child.kill('SIGKILL');
  }
});
