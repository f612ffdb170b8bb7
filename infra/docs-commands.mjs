/*
 * Runs the commands that the documentation shows: every block of `sh` in README.md and docs, page by page, each page in a folder
 * of its own that looks like a clone. Fails when a command fails. Needs what is built (npm run build), curl, jq, openssl, python3, and what
 * `npm run infra:up` needs (docs/guides/cluster.md): some pages start the servers of this clone, which stay up.
 *
 *   node infra/docs-commands.mjs                     all pages, two at a time
 *   node infra/docs-commands.mjs docs/start.md       one of them; --verbose prints what the commands print
 *   node infra/docs-commands.mjs --unrun             which blocks are not run, and why; runs none
 *
 * Behind the language of a block stands what readers do not see:
 *   ```sh no-run REASON     the block is not run
 *   ```sh exit=3            its last command ends with this code
 *   ```sh until=TEXT        it runs beside the blocks below from when it has printed TEXT, and is interrupted before the next such
 *                           block, or when the page ends
 *   ```python run           a program for python3
 * Comments have what the page takes for granted:
 *   <!-- sh ... -->         commands that are run and not shown; `until` and `exit` may stand behind `sh`. `interrupt` ends what runs
 *                           beside them
 *   <!-- after PAGE -->     the page goes on in a copy of the folder that PAGE leaves
 * `npm ci` is left out: whoever runs this has run it. `npx vimi` starts vimi without npx, curl fails at a status of 400 and more, and
 * HTTP is at a free port instead of 9400.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const top = join(import.meta.dirname, '..');
/** Of `npm run infra:up`: what they keep, and where they are. */
const servers = resolve(process.env.VIMI_INFRA ?? join(top, '.cache/infra'));
/** A reader's environment: nothing that says where this machine has TensorFlow and the like. */
const ofReader = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VIMI_')));
const { values: options, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { verbose: { type: 'boolean' }, unrun: { type: 'boolean' } },
});
/** Of one page. A patient limit: it is there for what never ends. */
const longestMs = 1_800_000;
/** Most commands wait for one core. */
const sideBySide = 2;

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
 * @property {string} [until]  what it prints when it is ready, for one that goes on
 * @property {number} exit
 */

/** @typedef {{ name: string, blocks: Block[], after?: string | undefined }} Page */

/** @param {string} name @returns {Page} */
function pageOf(name) {
  const text = readFileSync(join(top, name), 'utf8');
  const found = text.matchAll(
    /^ *(?:```(sh|python run)(?: ([^\n]*))?\n(.*?)^ *```|<!-- sh(?: ([^\n]*))?\n(.*?)^ *-->)$/gms,
  );
  const blocks = [...found].map((one) => {
    const [, language, ofShown, shown, ofHidden, hidden] = one;
    const info = ofShown ?? ofHidden ?? '';
    const [, kind, value = ''] = /^(no-run |exit=(?=\d+$)|until=)(.+)$/.exec(info) ?? [];
    const line = text.slice(0, one.index).split('\n').length;
    if (info && !kind)
      throw new Error(`${name}:${line}: expected no-run REASON, exit=CODE or until=TEXT, found ${info}`);
    const commands = (shown ?? hidden ?? '').replace(/^npm ci\b.*$/gm, '');
    return {
      ...{ line, commands: language === 'python run' ? `python3 - <<'PYTHON'\n${commands}PYTHON\n` : commands },
      exit: kind === 'exit=' ? Number(value) : 0,
      ...(kind === 'no-run ' && { unrun: value }),
      ...(kind === 'until=' && { until: value }),
    };
  });
  const [, after] = /^<!-- after (\S+) -->$/m.exec(text) ?? [];
  return { name, blocks, after };
}

/** A folder that looks like a clone in which `npm ci` has run, and is nobody else's. @param {string} folder @param {number} port */
function clone(folder, port) {
  for (const name of ['examples', 'topology.yaml', 'topology.test.yaml', 'topology.media.test.yaml'])
    cpSync(join(top, name), join(folder, name), { recursive: true });
  for (const name of ['dist', 'infra', 'install', 'assets', 'weights', 'web', 'docs'])
    symlinkSync(join(top, name), join(folder, name));
  mkdirSync(join(folder, '.cache'));
  symlinkSync(servers, join(folder, '.cache/infra'));
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
  serveAt(folder, port);
}

/** @param {string} folder @param {number} port */
function serveAt(folder, port) {
  const path = join(folder, 'topology.yaml');
  const before = readFileSync(path, 'utf8');
  const written = before.replace(/^ {4}(?:# )?(server: \{ address: 127\.0\.0\.1, port: )\d+ .*$/m, `    $1${port} }`);
  if (written === before) throw new Error('topology.yaml: expected the line of `server:` in the embedded profile');
  writeFileSync(path, written);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  return port;
}

/** What the commands find in their shell. */
const prelude = `set -eo pipefail
top=$PWD
npx() { if [ "$1" = vimi ]; then "$top/node_modules/.bin/vimi" "\${@:2}"; else command npx "$@"; fi; }
curl() { command curl --fail-with-body "$@"; }
service=
interrupt() {
  [ -n "$service" ] || return 0
  kill -INT -- "-$service" 2>/dev/null || true
  wait "$service" || true
  service=
}
trap interrupt EXIT
# goes_on TEXT COMMANDS
goes_on() {
  interrupt
  : >"$top/.service.log"
  set -m
  (eval "$2") >"$top/.service.log" 2>&1 &
  service=$!
  set +m
  until grep -qF -- "$1" "$top/.service.log"; do
    kill -0 "$service" 2>/dev/null || { cat "$top/.service.log" >&2; return 1; }
    sleep 0.2
  done
}`;

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** One shell for all blocks, so that variables and folders go on. @param {Block[]} blocks @param {number} port */
const script = (blocks, port) =>
  [
    prelude,
    ...blocks.map(({ line, commands, exit, until }) => {
      const before = `echo '@@ ${line}' >&3\n`;
      if (until) return `${before}goes_on ${quoted(until)} ${quoted(commands)}`;
      return exit === 0 ? `${before}${commands}` : `${before}set +e\n${commands}\n[ $? = ${exit} ] || exit 99\nset -e`;
    }),
  ]
    .join('\n')
    .replaceAll(/\b9400\b/g, String(port));

/** Folders that pages left, for those that go on in them. @type {Map<string, Promise<string>>} */
const left = new Map();
/** Pages with a command that failed. @type {Set<string>} */
const failed = new Set();
let ran = 0;

/** Runs the blocks of a page; gives the folder that they leave. @param {Page} page @returns {Promise<string>} */
function folderOf(page) {
  const under = left.get(page.name) ?? run(page);
  left.set(page.name, under);
  return under;
}

/** @param {Page} page @returns {Promise<string>} */
async function run({ name, blocks, after }) {
  const before = after && (await folderOf(pageOf(after)));
  const folder = mkdtempSync(join(tmpdir(), 'vimi-docs-commands-'));
  if (after && failed.has(after)) {
    console.error(`${name}: not run, because ${after} failed`);
    failed.add(name);
    return folder;
  }
  const port = await freePort();
  if (before) {
    cpSync(before, folder, { recursive: true, verbatimSymlinks: true });
    serveAt(folder, port);
  } else clone(folder, port);
  const toRun = blocks.filter(({ unrun }) => !unrun);
  writeFileSync(join(folder, '.commands'), script(toRun, port));
  const began = performance.now();
  const shell = spawn('bash', ['.commands'], {
    cwd: folder,
    env: { ...ofReader, VIMI_INFRA: servers },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    timeout: longestMs,
  });
  const said = ['', '', '', ''];
  for (const at of [1, 2, 3]) shell.stdio[at]?.on('data', (chunk) => (said[at] += chunk));
  const [status, signal] = await once(shell, 'close');
  const [, out, errors, lines] = said;
  const last = lines?.trim().split('\n').at(-1)?.slice(3);
  if (options.verbose || status !== 0) process.stderr.write(`${out}${errors}`);
  if (status === 0)
    console.log(`${name}: ${toRun.length} blocks, ${Math.round((performance.now() - began) / 1_000)} s`);
  else console.error(`${name}:${last}: the commands of this block fail (${signal ?? `exit code ${status}`})`);
  ran += toRun.length;
  if (status !== 0) failed.add(name);
  return folder;
}

const unknown = asked.filter((name) => !pages.includes(name));
if (unknown.length > 0) throw new Error(`no such page: ${unknown.join(', ')}`);
const all = pages.map(pageOf);
const unrun = all.flatMap(({ name, blocks }) =>
  blocks.filter((block) => block.unrun).map((block) => `${name}:${block.line}: ${block.unrun}`),
);
if (options.unrun) {
  console.log(unrun.join('\n'));
  process.exit();
}
const wanted = all.filter(({ name, blocks }) =>
  asked.length > 0 ? asked.includes(name) : blocks.some((block) => !block.unrun),
);
try {
  const waiting = [...wanted];
  const work = async () => {
    for (let page = waiting.shift(); page; page = waiting.shift()) await folderOf(page);
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
} finally {
  for (const folder of await Promise.allSettled(left.values()))
    if (folder.status === 'fulfilled') rmSync(folder.value, { recursive: true, force: true });
}
console.log(`${ran} blocks ran; ${unrun.length} of all pages are not run: --unrun says which, and why`);
if (failed.size > 0 || ran === 0) process.exitCode = 1;
