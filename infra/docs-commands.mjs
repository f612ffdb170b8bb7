/*
 * Runs the commands that the documentation shows: every block of `sh` in README.md and docs, page by page, each page in a folder
 * of its own that looks like a clone. Fails when a command fails. Needs what is built (npm run build).
 *
 *   node infra/docs-commands.mjs                     all pages, about ten minutes on two cores
 *   node infra/docs-commands.mjs docs/start.md       one of them; --verbose prints what the commands print
 *
 * Behind the language of a block stands what readers do not see:
 *   ```sh no-run REASON     the block is not run
 *   ```sh exit=3            its last command ends with this code
 * A comment `<!-- sh ... -->` has commands that are run, and that the page does not show: what it takes for granted.
 * `npm ci` is left out: whoever runs this has run it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const top = join(import.meta.dirname, '..');
const verbose = process.argv.includes('--verbose');
const asked = process.argv.slice(2).filter((one) => !one.startsWith('-'));
/** Of one page. A patient limit: it is there for what never ends. */
const longestMs = 1_800_000;

/** Generated pages show no commands of their own, and the site's packages are not ours. */
const pages = [
  'README.md',
  ...readdirSync(join(top, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !/^(site|reference)\//.test(path))
    .map((path) => `docs/${path}`)
    .sort(),
];

/**
 * @typedef {object} Block
 * @property {number} line
 * @property {string} commands
 * @property {string} [unrun]  why it is not run
 * @property {number} exit
 */

/** @param {string} page @returns {Block[]} */
function blocksOf(page) {
  const text = readFileSync(join(top, page), 'utf8');
  return [...text.matchAll(/^ *(?:```sh(?: ([^\n]*))?\n(.*?)^ *```|<!-- sh\n(.*?)^-->)$/gms)].map((found) => {
    const [, info = '', shown, hidden] = found;
    const [, reason] = /^no-run (.+)$/.exec(info) ?? [];
    const [, code] = /^exit=(\d+)$/.exec(info) ?? [];
    const line = text.slice(0, found.index).split('\n').length;
    if (info && !reason && !code)
      throw new Error(`${page}:${line}: expected no-run REASON or exit=CODE, found ${info}`);
    const commands = (shown ?? hidden).replace(/^npm ci\b.*$/gm, '');
    return { line, commands, exit: Number(code ?? 0), ...(reason && { unrun: reason }) };
  });
}

/** A folder that looks like a clone in which `npm ci` has run, and is nobody else's. */
function clone() {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-docs-commands-'));
  for (const name of ['examples', 'topology.yaml', 'topology.test.yaml', 'topology.media.test.yaml'])
    cpSync(join(top, name), join(folder, name), { recursive: true });
  for (const name of ['dist', 'infra', 'install', 'assets', 'weights', 'web', 'docs'])
    symlinkSync(join(top, name), join(folder, name));
  const { scripts } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  // Not under the name vimi: npx would make the folder's package anew.
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'clone', private: true, type: 'module', scripts }),
  );
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  for (const name of readdirSync(join(top, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(join(top, 'node_modules', name), join(folder, 'node_modules', name));
  symlinkSync(join(top, 'dist/cli/vimi.js'), join(folder, 'node_modules/.bin/vimi'));
  return folder;
}

/** One shell for all blocks, so that variables and folders go on. @param {Block[]} blocks */
const script = (blocks) =>
  [
    'set -eo pipefail',
    ...blocks.map(({ line, commands, exit }) => {
      const before = `echo '@@ ${line}' >&3\n`;
      return exit === 0 ? `${before}${commands}` : `${before}set +e\n${commands}\n[ $? = ${exit} ] || exit 99\nset -e`;
    }),
  ].join('\n');

/** @param {string} page @returns {{ ran: number, failed: boolean }} */
function runPage(page) {
  const blocks = blocksOf(page).filter(({ unrun }) => !unrun);
  if (blocks.length === 0) return { ran: 0, failed: false };
  const folder = clone();
  try {
    writeFileSync(join(folder, '.commands'), script(blocks));
    const began = process.hrtime.bigint();
    const { status, signal, stdout, stderr, output } = spawnSync('bash', ['.commands'], {
      ...{ cwd: folder, encoding: 'utf8', timeout: longestMs, maxBuffer: 2 ** 27 },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const seconds = Number((process.hrtime.bigint() - began) / 1_000_000_000n);
    const last = (output?.[3] ?? '').trim().split('\n').at(-1)?.slice(3);
    if (verbose || status !== 0) process.stderr.write(`${stdout}${stderr}`);
    if (status === 0) console.log(`${page}: ${blocks.length} blocks, ${seconds} s`);
    else console.error(`${page}:${last}: the commands of this block fail (${signal ?? `exit code ${status}`})`);
    return { ran: blocks.length, failed: status !== 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const unknown = asked.filter((page) => !pages.includes(page));
if (unknown.length > 0) throw new Error(`no such page: ${unknown.join(', ')}`);
const results = (asked.length > 0 ? asked : pages).map(runPage);
const unrun = pages.flatMap((page) => blocksOf(page).filter((block) => block.unrun)).length;
const ran = results.reduce((sum, one) => sum + one.ran, 0);
console.log(`${ran} blocks ran; ${unrun} of all pages are not run, each with a reason`);
if (results.some(({ failed }) => failed) || ran === 0) process.exitCode = 1;
