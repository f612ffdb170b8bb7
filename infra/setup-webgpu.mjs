// Puts the packages of the webgpu backend beside the others, when asked to: 150 MB that few need. They are optional peers, which
// npm leaves out of an installation of this repository even by name.
//   node infra/setup-webgpu.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { peerDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));

for (const name of ['webgpu', '@tensorflow/tfjs-backend-webgpu']) {
  const version = peerDependencies[name];
  const place = join(repository, 'node_modules', name);
  const there = join(place, 'package.json');
  if (existsSync(there) && JSON.parse(readFileSync(there, 'utf8')).version === version) continue;
  const work = mkdtempSync(join(repository, 'node_modules', '.fetching-'));
  try {
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${version}`]);
    execFileSync('tar', ['-xzf', join(work, String(packed).trim()), '-C', work]);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(dirname(place), { recursive: true });
    renameSync(join(work, 'package'), place);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  console.log(`webgpu: ${name} ${version}`);
}
