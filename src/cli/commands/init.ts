import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VimiError } from '../../core/errors.js';
import { withSchemaLine } from '../../streams/topology/schema-line.js';

/** Where the package lies: what is written comes with it. */
const vimi = resolve(fileURLToPath(new URL('../../../', import.meta.url)));

export interface InitOptions {
  /** The operator in TypeScript; in JavaScript when left out. */
  typescript?: boolean;
}

/**
 * Begins a project: a topology, a custom operator with its test, and what npm, the compiler and editors need. Nothing that
 * is there is written over: USAGE, before anything is written.
 */
export async function init(
  folder: string,
  { typescript = false }: InitOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const to = resolve(folder);
  const files = await filesOf(typescript ? 'typescript' : 'javascript', to);
  for (const name of files.keys())
    if (await isThere(join(to, name)))
      throw new VimiError('USAGE', 'A file of that name exists already, so nothing was written', {
        where: join(to, name),
        remedy: 'Name an empty folder: vimi init FOLDER.',
      });
  for (const [name, text] of files) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await writeFile(join(to, name), text);
  }
  // Only now: a reader who has seen enough ends the process.
  for (const name of files.keys()) out.write(`wrote ${relative(process.cwd(), join(to, name))}\n`);
  const operator = `./operators/refuse-words.${typescript ? 'ts' : 'js'}`;
  const there = relative(process.cwd(), to);
  out.write(`
Next:
${there ? `  cd ${there}\n` : ''}  npm install
  npm test                                           the types, and the test of the operator
  npx vimi doctor                                    what a run needs
  npx vimi docs ${operator.padEnd(37)}the page of the operator
  npx vimi test                                      the tests of the topology
  npx vimi generate "a fox moves left"               a first video
`);
}

/** Text by name, for a project in this language in this folder. */
async function filesOf(language: 'typescript' | 'javascript', to: string): Promise<Map<string, string>> {
  const extension = language === 'typescript' ? 'ts' : 'js';
  const templates = join(vimi, 'examples/project');
  const own = (name: string) => readFile(join(templates, language, name), 'utf8');
  const operator = `operators/refuse-words.${extension}`;
  const test = `operators/refuse-words.test.${extension}`;
  const built = language === 'typescript' ? 'operators/**/*.js\n' : '';
  return new Map([
    ['topology.yaml', await topology(operator, to)],
    ['topology.test.yaml', await shipped('topology.test.yaml', to)],
    [operator, await own(operator)],
    [test, await own(test)],
    ['package.json', await manifest(language)],
    ['tsconfig.json', await own('tsconfig.json')],
    ['README.md', await own('README.md')],
    ['.vscode/extensions.json', await readFile(join(templates, 'extensions.json'), 'utf8')],
    ['.gitignore', `node_modules\n.vimi\n${built}`],
  ]);
}

/** A YAML file of the package, as it stands in this folder. */
async function shipped(name: string, to: string): Promise<string> {
  return withSchemaLine(await readFile(join(vimi, name), 'utf8'), to, vimi);
}

/** The shipped one, with the operator after `admit`. */
async function topology(operator: string, to: string): Promise<string> {
  const text = await shipped('topology.yaml', to);
  return text.replace(/^( +)- admit\n/m, `$&$1- use: ./${operator}\n$1  with: { words: [] }\n`);
}

async function manifest(language: 'typescript' | 'javascript'): Promise<string> {
  const { version, devDependencies } = JSON.parse(await readFile(join(vimi, 'package.json'), 'utf8')) as {
    version: string;
    devDependencies: Record<string, string>;
  };
  const scripts =
    language === 'typescript'
      ? { build: 'tsc', test: 'tsc && node --test operators/*.test.js' }
      : { test: 'tsc && node --test operators/*.test.js' };
  const { typescript, '@types/node': types } = devDependencies;
  const told = {
    private: true,
    type: 'module',
    scripts,
    dependencies: { vimi: await originOf(version) },
    devDependencies: { '@types/node': types, typescript },
  };
  return `${JSON.stringify(told, null, 2)}\n`;
}

/**
 * Where a project gets vimi from: its version, if npm has it from a registry; else the tarball that it was installed from; else, of
 * a clone or a tarball that is gone, the folder that it lies in.
 */
async function originOf(version: string): Promise<string> {
  const modules = dirname(vimi);
  if (basename(modules) !== 'node_modules') return `file:${vimi}`;
  const resolved = await resolvedIn(modules);
  if (!resolved?.startsWith('file:')) return `^${version}`;
  const tarball = resolve(dirname(modules), resolved.slice('file:'.length));
  return (await isThere(tarball)) ? `file:${tarball}` : `file:${vimi}`;
}

/** What npm noted of the package when it was installed; undefined where it notes nothing. */
async function resolvedIn(modules: string): Promise<string | undefined> {
  try {
    const lock = JSON.parse(await readFile(join(modules, '.package-lock.json'), 'utf8')) as {
      packages?: Record<string, { resolved?: string }>;
    };
    return lock.packages?.[`node_modules/${basename(vimi)}`]?.resolved;
  } catch {
    return undefined;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
