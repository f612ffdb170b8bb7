import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VimiError } from '../../core/errors.js';
import { withSchemaLine } from '../../streams/topology/schema-line.js';
import { type Preset, presetSteps, type Steps } from '../presets.js';

/** Where the package lies: what is written comes with it. */
const vimi = resolve(fileURLToPath(new URL('../../../', import.meta.url)));

export interface InitOptions {
  /** One of these topologies with its tests, and no operator. */
  preset?: Preset;
  /** The operator in TypeScript; in JavaScript when left out. */
  typescript?: boolean;
}

/**
 * Begins a project: a topology, a custom operator with its test, and what npm, the compiler and editors need. Nothing that
 * is there is written over: USAGE, before anything is written.
 */
export async function init(
  folder: string,
  { preset, typescript = false }: InitOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const to = resolve(folder);
  const language = typescript ? 'typescript' : 'javascript';
  const files = preset === undefined ? await filesOf(language, to) : await filesOfPreset(preset, to);
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
  const there = relative(process.cwd(), to);
  const steps = preset === undefined ? stepsOf(language) : presetSteps[preset];
  const lines = [...(there ? [[`cd ${there}`]] : []), ['npm install'], ...steps];
  out.write(
    `\nNext:\n${lines.map(([command = '', why = '']) => `  ${command.padEnd(51)}${why}`.trimEnd()).join('\n')}\n`,
  );
}

function stepsOf(language: Language): Steps {
  return [
    ['npm test', 'the types, and the test of the operator'],
    ['npx vimi doctor', 'what a run needs'],
    [`npx vimi docs ./${operatorIn(language)}`, 'the page of the operator'],
    ['npx vimi test', 'the tests of the topology'],
    ['npx vimi generate "a fox moves left"', 'a first video'],
  ];
}

type Language = 'typescript' | 'javascript';

function operatorIn(language: Language): string {
  return `operators/refuse-words.${language === 'typescript' ? 'ts' : 'js'}`;
}

/** Text by name, for a project of a preset in this folder. */
async function filesOfPreset(preset: Preset, to: string): Promise<Map<string, string | Buffer>> {
  const from = `examples/presets/${preset}`;
  return new Map<string, string | Buffer>([
    ['topology.yaml', await shipped(`${from}/topology.yaml`, to)],
    ['topology.test.yaml', await shipped(`${from}/topology.test.yaml`, to)],
    ['README.md', await readFile(join(vimi, from, 'README.md'), 'utf8')],
    ['package.json', await manifest({ test: 'vimi validate && vimi test', start: 'vimi run' })],
    ['.vscode/extensions.json', await readFile(join(vimi, 'examples/project/extensions.json'), 'utf8')],
    ['.gitignore', 'node_modules\n.vimi\n'],
    ...(preset === 'corpus' ? await filesIn(`${from}/media`, 'media') : []),
  ]);
}

/** Text by name, for a project in this language in this folder. */
async function filesOf(language: Language, to: string): Promise<Map<string, string>> {
  const extension = language === 'typescript' ? 'ts' : 'js';
  const templates = join(vimi, 'examples/project');
  const own = (name: string) => readFile(join(templates, language, name), 'utf8');
  const operator = operatorIn(language);
  const test = `operators/refuse-words.test.${extension}`;
  const built = language === 'typescript' ? 'operators/**/*.js\n' : '';
  return new Map([
    ['topology.yaml', await topology(operator, to)],
    ['topology.test.yaml', await shipped('topology.test.yaml', to)],
    [operator, await own(operator)],
    [test, await own(test)],
    ['package.json', await manifest(...packageOf[language])],
    ['tsconfig.json', await own('tsconfig.json')],
    ['README.md', await own('README.md')],
    ['.vscode/extensions.json', await readFile(join(templates, 'extensions.json'), 'utf8')],
    ['.gitignore', `node_modules\n.vimi\n${built}`],
  ]);
}

async function filesIn(folder: string, to: string): Promise<[name: string, bytes: Buffer][]> {
  const names = await readdir(join(vimi, folder));
  return Promise.all(
    names.sort().map(async (name): Promise<[string, Buffer]> => {
      return [`${to}/${name}`, await readFile(join(vimi, folder, name))];
    }),
  );
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

const packageOf: Record<Language, [scripts: Record<string, string>, tools: string[]]> = {
  typescript: [{ build: 'tsc', test: 'tsc && node --test operators/*.test.js' }, ['@types/node', 'typescript']],
  javascript: [{ test: 'tsc && node --test operators/*.test.js' }, ['@types/node', 'typescript']],
};

/** `tools`: what the scripts need besides vimi, in the versions that vimi is built with. */
async function manifest(scripts: Record<string, string>, tools: string[] = []): Promise<string> {
  const { version, devDependencies } = JSON.parse(await readFile(join(vimi, 'package.json'), 'utf8')) as {
    version: string;
    devDependencies: Record<string, string>;
  };
  const told = {
    private: true,
    type: 'module',
    scripts,
    dependencies: { vimi: await originOf(version) },
    ...(tools.length > 0 && {
      devDependencies: Object.fromEntries(tools.map((tool) => [tool, devDependencies[tool]])),
    }),
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
