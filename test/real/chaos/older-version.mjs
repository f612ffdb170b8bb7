// @ts-nocheck: a plain script
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

/**
 * A worker's version as of `commit`, with its own topology and its own operator in `folder`. It is built once, in .cache/older, with
 * the packages that are installed here: what it needs of them must still be among ours.
 */
export async function olderVersion(commit, folder, settings) {
  const build = buildOf(commit);
  const own = join(folder, 'older');
  mkdirSync(join(own, 'node_modules'), { recursive: true });
  symlinkSync(build, join(own, 'node_modules/vimi'));
  symlinkSync(join(root, 'node_modules/zod'), join(own, 'node_modules/zod'));
  cpSync(join(build, 'test/real/chaos/nap.mjs'), join(own, 'nap.mjs'));
  const { topologyOf } = await import(join(build, 'test/real/chaos/topology.mjs'));
  const topology = JSON.parse(topologyOf(settings));
  // An index is a view that one version makes for itself; on machines of their own they would not meet.
  topology.profiles.cluster.search.path = '.vimi/older/index';
  for (const { steps } of Object.values(topology.pipelines))
    for (const step of steps) if (step.use === './nap.mjs') step.use = './older/nap.mjs';
  writeFileSync(join(folder, 'older.yaml'), JSON.stringify(topology, null, 2));
  // 0.1.0 staged samples in another format: two versions never share the group of the corpus (docs/concepts/compatibility.md).
  const run = ['--pipeline', 'generate'];
  return { name: `-${commit.slice(0, 7)}`, vimi: join(build, 'dist/cli/main.js'), topology: 'older.yaml', run };
}

/** The folder of what was built of a commit; built once. */
export function buildOf(commit) {
  const git = (...args) => execFileSync('git', args, { cwd: root, maxBuffer: 1 << 30 });
  const build = join(root, '.cache/older', String(git('rev-parse', `${commit}^{commit}`)).trim());
  const main = join(build, 'dist/cli/main.js');
  if (existsSync(main)) return build;
  mkdirSync(build, { recursive: true });
  execFileSync('tar', ['-x', '-C', build], { input: git('archive', commit) });
  symlinkSync(join(root, 'node_modules'), join(build, 'node_modules'));
  // Its types may miss packages that are not installed any more; what runs is written all the same.
  const { stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: build,
      encoding: 'utf8',
    },
  );
  if (!existsSync(main)) throw new Error(`${commit} cannot be built: ${stdout}`);
  return build;
}
