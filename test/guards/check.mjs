// Takes each guard out, one by one, in a copy of the repository, and runs the tests that must notice.
//   npm run check:guards                          all of them: half an hour on two cores
//   npm run check:guards -- 'a link' 'a pipe'     those whose name has one of these words
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guards } from './guards.mjs';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const words = process.argv.slice(2);
const chosen = guards.filter(({ guard }) => words.length === 0 || words.some((some) => guard.includes(some)));
if (chosen.length === 0) throw new Error(`no guard is named '${words.join("' or '")}'`);

const copy = mkdtempSync(join(tmpdir(), 'vimi-guards-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: repository,
});
for (const file of String(files).split('\0').filter(Boolean)) cpSync(join(repository, file), join(copy, file));
symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));

/** Who fails may show two large values. Past this the run would be killed. */
const mostOutput = 2 ** 28;
/** @type {(command: string, args: string[]) => ReturnType<typeof spawnSync>} */
const run = (command, args) => spawnSync(command, args, { cwd: copy, encoding: 'utf8', maxBuffer: mostOutput });
/** Tests start processes of the built code. Only what changed is built, and types are not what is tested here. */
const quickly = ['--noCheck', '--incremental', '--tsBuildInfoFile', 'dist/guards.tsbuildinfo'];
const build = () => run('npx', ['tsc', '-p', 'tsconfig.build.json', ...quickly]);
/**
 * Without some guards a test waits for ever, or its process turns round and round: that test is given 90 s, its process five
 * minutes. `timeout` ends whatever the process started, too.
 */
const patience = { test: ['--testTimeout', '90000'], process: ['timeout', '--kill-after=5', '300'] };
/** @type {(tests: string[], hangs?: true) => ReturnType<typeof spawnSync>} */
const test = (tests, hangs) => {
  const [command = '', ...args] = [...(hangs ? patience.process : []), 'npx', 'vitest', 'run', '--bail', '1'];
  return run(command, [...args, ...(hangs ? patience.test : []), ...tests]);
};

// A test that fails anyway would notice everything.
build();
const whole = test([...new Set(chosen.flatMap(({ tests }) => tests))]);
if (whole.status !== 0) throw new Error(`with all guards in place a test fails:\n${whole.stdout}${whole.stderr}`);

const unnoticed = [];
for (const { guard, file, from, to, tests, hangs } of chosen) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  // A function: `$&` in the new text means nothing.
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  build();
  const { status, stdout } = test(tests, hangs);
  // The tests have run, and one failed, took its process down or never ended; anything else says nothing of the guard.
  const hung = status === 124 || status === 137;
  const noticed = hung || (status === 1 && /\d+ (failed|errors?)\b/.test(String(stdout)));
  if (!noticed) unnoticed.push(guard);
  console.log(`${noticed ? 'noticed   ' : 'UNNOTICED '} ${guard}`);
  writeFileSync(path, text);
}
console.log(`${chosen.length - unnoticed.length} passed, ${unnoticed.length} failed`);
if (unnoticed.length > 0) process.exitCode = 1;
