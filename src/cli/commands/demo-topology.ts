import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VimiError } from '../../core/errors.js';
import { withSchemaLine } from '../../streams/topology/schema-line.js';

/** Where the project lies: the media of the demo and its topology come with it. */
export const project = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Writes the topology of the demo into `folder` and gives its path: the one that ships, with its log, objects and index
 * beside it, the media of the demo as its root, and clips as documents, to be found as motion examples. So the demo works
 * wherever it is started, and neither grounds in the corpus of that place nor adds to it; every other command can be
 * pointed at it.
 */
export async function writeDemoTopology(folder: string): Promise<string> {
  const shipped = await readFile(join(project, 'topology.yaml'), 'utf8');
  const roots = /^media_roots: .*$/m;
  const index = /^( *- index)$/m;
  for (const part of [roots, index])
    if (!part.test(shipped)) throw new VimiError('INTERNAL', `The shipped topology has no line ${part}`);
  const text = withSchemaLine(shipped, resolve(folder), project)
    .replaceAll(/(path|work): \.vimi\b/g, '$1: .')
    .replace(index, '$1: { clips: true }')
    .replace(roots, () => `media_roots: [${JSON.stringify(join(project, 'examples/media'))}]`);
  await mkdir(folder, { recursive: true });
  const file = resolve(folder, 'topology.yaml');
  await writeFile(file, text);
  return file;
}
