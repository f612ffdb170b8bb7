import { access, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VimiError } from '../../errors.js';

/** Where the package lies: what is written comes with it. */
const project = fileURLToPath(new URL('../../../', import.meta.url));

/** File of the package → file of the new folder. */
const files = [
  ['topology.yaml', 'topology.yaml'],
  ['examples/operator/require-licence.mjs', 'operators/require-licence.mjs'],
  ['examples/operator/require-licence.test.mjs', 'operators/require-licence.test.mjs'],
] as const;

/**
 * Begins a project: a topology, and an operator of one's own with its test. Nothing that is there is written over: USAGE,
 * before anything is written.
 */
export async function init(folder: string, out: NodeJS.WritableStream): Promise<void> {
  const to = resolve(folder);
  for (const [, name] of files)
    if (await isThere(join(to, name)))
      throw new VimiError('USAGE', 'A file of that name is there already, so nothing was written', {
        where: join(to, name),
        remedy: 'Name an empty folder: vimi init FOLDER.',
      });
  for (const [from, name] of files) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await copyFile(join(project, from), join(to, name));
    out.write(`wrote ${relative(process.cwd(), join(to, name))}\n`);
  }
  const topology = join(to, 'topology.yaml');
  // The operator stands where it would go; who wants it takes the two signs away.
  const text = await readFile(topology, 'utf8');
  await writeFile(topology, text.replace(/^( +)- fetch\n/m, '$&$1# - use: ./operators/require-licence.mjs\n'));
  out.write(`
Next:
  npx vimi doctor                                    what a run needs
  npx vimi generate "a fox moves left"               a first video
  npx vimi docs ./operators/require-licence.mjs      the page of an operator
  node --test operators/                             its test
`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
