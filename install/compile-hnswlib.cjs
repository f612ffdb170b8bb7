/*
 * Compiles hnswlib-node again for the vector instructions of this processor, with the changes of hnswlib-changes.cjs, beside the build of
 * npm, which is for any processor and takes about twice as long to compare two vectors. Runs after npm installs vimi; again by hand:
 * `npm rebuild vimi`, in a clone `npm run postinstall`.
 *
 * Each build is a file native/hnswlib-node-VERSION-REVISION.PLATFORM-ARCH.NEEDS.node, NEEDS being the features of /proc/cpuinfo without which
 * it would crash. vimi loads the best one whose features are there (src/stores/corpus/index/hnswlib.ts), and npm's own where there is none:
 * so a folder that is copied to another processor works, and whatever fails here costs speed only.
 */
const { execFile } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } = require('node:fs');
const { createRequire } = require('node:module');
const { tmpdir } = require('node:os');
const { delimiter, dirname, join } = require('node:path');
const { promisify } = require('node:util');
const { change, revision } = require('./hnswlib-changes.cjs');

/** Those that hnswlib has code for. Two, for images of containers move between machines. */
const builds = [
  ['avx2', 'fma'],
  ['avx2', 'avx512f', 'fma'],
];
const native = join(__dirname, '..', 'native');

/** Where the processor cannot be asked, nothing is compiled. */
function features() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return new Set();
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1')) ?? [];
  return new Set(flags.trim().split(/\s+/));
}

async function run(args, options) {
  try {
    await promisify(execFile)(process.execPath, args, { ...options, timeout: 600_000, maxBuffer: 2 ** 26 });
  } catch (thrown) {
    throw new Error(
      String(thrown.stderr || thrown.message)
        .trim()
        .split('\n')
        .slice(-3)
        .join(' '),
    );
  }
}

async function compile(source, version, needs) {
  const system = `${process.platform}-${process.arch}`;
  const place = join(native, `hnswlib-node-${version}-${revision}.${system}.${needs.join('+')}.node`);
  if (existsSync(place)) return;
  // npm names its own node-gyp to the scripts that it runs.
  const { npm_config_node_gyp: nodeGyp, CXXFLAGS = '' } = process.env;
  if (!nodeGyp) throw new Error('node-gyp is not known: run this by `npm rebuild vimi`');
  const folder = mkdtempSync(join(tmpdir(), 'vimi-hnswlib-'));
  try {
    for (const name of ['src', 'binding.gyp', 'package.json'])
      cpSync(join(source, name), join(folder, name), { recursive: true });
    change(folder);
    const flags = needs.map((name) => `-m${name}`).join(' ');
    // What it includes is found from where it lies.
    const modules = createRequire(join(source, 'package.json')).resolve.paths('node-addon-api').join(delimiter);
    const env = { ...process.env, CXXFLAGS: `${CXXFLAGS} ${flags}`, NODE_PATH: modules };
    await run([nodeGyp, 'rebuild', '--release'], { cwd: folder, env });
    const built = join(folder, 'build', 'Release', 'addon.node');
    // In a process of its own: what was compiled wrongly could end this one.
    const trial = `const graph = new (require(process.argv[1]).HierarchicalNSW)('cosine', 32);
      const vector = (n) => Float32Array.from({ length: 32 }, (_, i) => Math.cos(n + i * n));
      graph.initIndex(4);
      for (let n = 1; n < 5; n++) graph.addPoint(vector(n), n);
      graph.resizeIndex(9);
      for (let n = 5; n < 9; n++) graph.addPoint([...vector(n)], n);
      for (let n = 1; n < 9; n++) if (graph.searchKnn(vector(n), 1).neighbors[0] !== n) process.exit(1);`;
    await run(['-e', trial, built], { cwd: folder });
    mkdirSync(native, { recursive: true });
    // Under its name it appears whole.
    const beside = `${place}.${process.pid}`;
    cpSync(built, beside);
    renameSync(beside, place);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main() {
  const has = features();
  const fitting = builds.filter((needs) => needs.every((name) => has.has(name)));
  if (fitting.length === 0) return;
  const manifest = require.resolve('hnswlib-node/package.json', { paths: [__dirname] });
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  await Promise.all(fitting.map((needs) => compile(dirname(manifest), version, needs)));
}

main().catch((error) => {
  process.stderr.write(
    `vimi: hnswlib was not compiled for this processor, searches by vectors are slower: ${error.message}\n`,
  );
});
