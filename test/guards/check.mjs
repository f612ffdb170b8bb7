// Takes each guard out, one by one, in a copy of the repository, and runs the tests that must notice.
//   npm run check:guards                all of them: some minutes
//   npm run check:guards -- 'a link'    those whose name has these words
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guards } from './guards.mjs';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const words = process.argv[2] ?? '';
const chosen = guards.filter(({ guard }) => guard.includes(words));
if (chosen.length === 0) throw new Error(`no guard is named '${words}'`);

const copy = mkdtempSync(join(tmpdir(), 'vimi-guards-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: repository,
});
for (const file of String(files).split('\0').filter(Boolean)) cpSync(join(repository, file), join(copy, file));
symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));

/** @type {(command: string, args: string[]) => ReturnType<typeof spawnSync>} */
const run = (command, args) => spawnSync(command, args, { cwd: copy, encoding: 'utf8' });
/** Tests start processes of the built code. */
const build = () => run('npm', ['run', '--silent', 'build']);
/** @type {(tests: string[]) => ReturnType<typeof spawnSync>} */
const notice = (tests) => run('npx', ['vitest', 'run', '--bail', '1', ...tests]);

const unnoticed = [];
for (const { guard, file, from, to, tests } of chosen) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  // A function: `$&` in the new text means nothing.
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  // What no longer compiles still runs: types are not what is tested here.
  build();
  const { status, stdout } = notice(tests);
  // The tests have run and one failed; anything else says nothing of the guard.
  const noticed = status === 1 && /\d+ failed/.test(String(stdout));
  if (!noticed) unnoticed.push(guard);
  console.log(`${noticed ? 'noticed   ' : 'UNNOTICED '} ${guard}`);
  writeFileSync(path, text);
}
console.log(`${chosen.length - unnoticed.length} passed, ${unnoticed.length} failed`);
if (unnoticed.length > 0) process.exitCode = 1;
