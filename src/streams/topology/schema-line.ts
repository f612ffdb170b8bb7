import { dirname, join, relative, sep } from 'node:path';

/** The JSON Schema of topologies, from the top of the package. */
export const schemaFile = 'docs/reference/schemas/topology.schema.json';
/** The same of their files of tests. */
export const testSchemaFile = 'docs/reference/schemas/topology.test.schema.json';

const line = /^# yaml-language-server: \$schema=\S*?([\w.-]*)$/m;

/**
 * The text of a topology or of tests, whose first line names its JSON Schema for editors, with the path as it is from `folder`: to the
 * package where it lies in a node_modules of that folder or of one above, else to where `npm install vimi` puts it.
 */
export function withSchemaLine(text: string, folder: string, project: string): string {
  const modules = dirname(project);
  const owner = dirname(modules);
  const isInstalled = modules.endsWith(`${sep}node_modules`) && !relative(owner, folder).startsWith('..');
  const from = isInstalled ? relative(folder, project) : join('node_modules', 'vimi');
  const path = [...from.split(sep), dirname(schemaFile)].join('/');
  const start = path.startsWith('.') ? path : `./${path}`;
  return text.replace(line, (_, name: string) => `# yaml-language-server: $schema=${start}/${name}`);
}
