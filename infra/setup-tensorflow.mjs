// Sets up TensorFlow for training: the npm package @tensorflow/tfjs-node-gpu over the library that TensorFlow's Python
// wheel holds. It lies in .cache/tensorflow (or $VIMI_TENSORFLOW), beside nothing else; wasm remains the default without it.
//
//   node infra/setup-tensorflow.mjs            CPU build, about 270 MB to fetch
//   node infra/setup-tensorflow.mjs --cuda     CUDA 12 build for Linux, with its nvidia-* wheels (some gigabytes)
//   node infra/setup-tensorflow.mjs --remove   takes everything away again
//
// Why not the package's own install script: it fetches TensorFlow 2.9 from outside the registries, bound to CUDA 11.
// Needs npm, python3 with pip, unzip and a C++ toolchain. Steps that are done already are skipped.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const version = '2.21.0';
const home = resolve(process.env.VIMI_TENSORFLOW ?? '.cache/tensorflow');
const wheels = join(home, 'wheels');
const packageFolder = join(home, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
const nodeHome = dirname(dirname(realpathSync(process.execPath)));
const cuda = process.argv.includes('--cuda');
const variant = cuda ? 'tensorflow' : 'tensorflow_cpu';

/** SHA-256 of the wheels that were tried; another platform's wheel is compared with what pip checked against the index. */
const known = {
  'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl':
    '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
};

if (process.argv.includes('--remove')) {
  rmSync(home, { recursive: true, force: true });
  console.log(`removed ${home}`);
  process.exit(0);
}

mkdirSync(wheels, { recursive: true });
const say = (text) => console.log(`tensorflow: ${text}`);
const run = (command, args, cwd = home) =>
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
const wheelOf = (prefix) =>
  readdirSync(wheels).find((name) => name.startsWith(`${prefix}-${version}-`) && name.endsWith('.whl'));

// 1. The JavaScript, without its install script.
if (!existsSync(join(packageFolder, 'package.json'))) {
  say('installing @tensorflow/tfjs-node-gpu (scripts off)');
  if (!existsSync(join(home, 'package.json')))
    writeFileSync(join(home, 'package.json'), '{ "private": true, "description": "TensorFlow for vimi" }\n');
  run('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '@tensorflow/tfjs-node-gpu@4.22.0',
    'node-gyp@11',
  ]);
}

// 2. The wheel, checked.
if (!wheelOf(variant)) {
  say(`fetching ${variant} ${version}`);
  const which = `${variant.replace('_', '-')}${cuda ? '[and-cuda]' : ''}==${version}`;
  run('python3', ['-m', 'pip', 'download', ...(cuda ? [] : ['--no-deps']), '--only-binary=:all:', '-d', wheels, which]);
}
const wheel = wheelOf(variant);
const sum = await sha256(join(wheels, wheel));
const ledger = join(home, 'SHA256SUMS.json');
const seen = existsSync(ledger) ? JSON.parse(readFileSync(ledger, 'utf8')) : {};
const expected = known[wheel] ?? seen[wheel];
if (expected && expected !== sum) {
  console.error(
    `tensorflow: ${wheel} is damaged: expected sha256 ${expected}, found ${sum}. Remove it and run this again.`,
  );
  process.exit(1);
}
writeFileSync(ledger, `${JSON.stringify({ ...seen, [wheel]: sum }, null, 2)}\n`);
say(`${wheel} sha256 ${sum}${known[wheel] ? ' (known)' : ' (recorded)'}`);

// 3. The library and its headers, out of the wheel.
const deps = join(packageFolder, 'deps');
const marker = join(deps, 'from.txt');
if (!existsSync(marker) || readFileSync(marker, 'utf8') !== sum) {
  say('unpacking the library');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(join(deps, 'unzipped'), { recursive: true });
  mkdirSync(join(deps, 'lib'));
  run('unzip', [
    '-q',
    '-o',
    join(wheels, wheel),
    'tensorflow/libtensorflow*',
    'tensorflow/include/*',
    '-d',
    join(deps, 'unzipped'),
  ]);
  const from = join(deps, 'unzipped', 'tensorflow');
  symlinkSync(join(from, 'include'), join(deps, 'include'));
  for (const name of readdirSync(from).filter((n) => n.startsWith('libtensorflow')))
    symlinkSync(join(from, name), join(deps, 'lib', name));
  symlinkSync('libtensorflow_cc.so.2', join(deps, 'lib', 'libtensorflow.so'));
  symlinkSync('libtensorflow_framework.so.2', join(deps, 'lib', 'libtensorflow_framework.so'));
  if (cuda) {
    // The CUDA libraries are wheels of their own; TensorFlow looks for them beside itself (RPATH ../nvidia/*/lib).
    for (const name of readdirSync(wheels).filter((n) => n.startsWith('nvidia_')))
      run('unzip', ['-q', '-o', join(wheels, name), 'nvidia/*', '-d', join(deps, 'unzipped')]);
  }
  writeFileSync(marker, sum);
}

// 4. The binding.
const binding = join(packageFolder, 'lib', 'napi-v8', 'tfjs_binding.node');
if (!existsSync(binding)) {
  say('compiling the binding');
  run(
    process.execPath,
    [
      join(home, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
      'rebuild',
      '--napi_build_version=8',
      '--module_name=tfjs_binding',
      `--module_path=${join(packageFolder, 'lib', 'napi-v8')}`,
      // Node's own headers where they lie beside it: nothing to fetch then.
      ...(existsSync(join(nodeHome, 'include', 'node', 'node.h')) ? [`--nodedir=${nodeHome}`] : []),
    ],
    packageFolder,
  );
}

// 5. Proof.
run(process.execPath, [
  '-e',
  `const util = require('node:util');
   util.isNullOrUndefined ??= (v) => v == null; util.isArray ??= Array.isArray;
   process.env.TF_CPP_MIN_LOG_LEVEL = '2';
   const tf = require(${JSON.stringify(packageFolder)});
   const n = 1024, a = tf.randomNormal([n, n]), b = tf.randomNormal([n, n]);
   tf.matMul(a, b).dataSync();
   const start = process.hrtime.bigint(); for (let i = 0; i < 20; i++) tf.matMul(a, b).dataSync();
   const seconds = Number(process.hrtime.bigint() - start) / 1e9;
   console.log('tensorflow: works, ' + tf.backend().binding.TF_Version + ', ' + (20 * 2 * n ** 3 / seconds / 1e9).toFixed(0) + ' GFLOP/s at matMul');`,
]);

async function sha256(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
