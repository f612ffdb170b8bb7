import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, extname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { named, placeOf } from '../../core/errors.js';
import type { Operator } from '../../flow/operator.js';

/** A step names a team's custom operator by a path that begins so. */
export function isModulePath(name: string): boolean {
  return name.startsWith('./') || name.startsWith('../') || name.startsWith('/');
}

/**
 * Loads an operator that defineOperator made: the module's default export, or its export `operator`. The file must lie
 * under the topology's folder, links followed. Loading runs the module. Throws an Error that says what is wrong.
 */
export async function loadCustomOperator(path: string, folder: string): Promise<Operator> {
  const file = locateModule(path, folder);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (thrown) {
    const [message] = named(thrown).split('\n');
    const place = lineOf(thrown, file);
    throw new Error(`it cannot be loaded: ${message}${place ? ` (${place})` : ''}${hintFor(thrown, file)}`);
  }
  const operator = module.default ?? module.operator;
  if (operator === undefined)
    throw new Error("it exports no operator: expected a default export or one named 'operator'");
  const wrong = faults(operator);
  if (wrong.length > 0) throw new Error(`its export is no operator: ${wrong.join(', ')}; make it with defineOperator`);
  return { ...(operator as Operator), module: file };
}

function hintFor(thrown: unknown, file: string): string {
  if (!(thrown instanceof Error)) return '';
  if (
    thrown instanceof SyntaxError &&
    /import statement outside a module|Unexpected token 'export'/.test(thrown.message)
  )
    return `; its package.json says that such files are CommonJS: name it .m${extname(file).slice(1)}, or set "type": "module"`;
  return thrown.message.startsWith('Cannot find package ') ? '; run npm install in its project' : '';
}

/** Where a module is wrong. An error of the parser does not say; Node writes the place when it only checks the file. */
function lineOf(thrown: unknown, file: string): string | undefined {
  if (!(thrown instanceof SyntaxError)) return placeOf(thrown);
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 20_000 });
  const line = /^(?:file:\/\/)?\/\S{1,4096}:(\d+)\r?\n/.exec(stderr ?? '')?.[1];
  return line ? `${file}:${line}` : undefined;
}

/** The file of a module under the topology's folder, links followed. Throws an Error that says what is wrong. */
export function locateModule(path: string, folder: string): string {
  let file: string;
  let root: string;
  try {
    root = realpathSync(folder);
    file = realpathSync(join(folder, path));
  } catch {
    throw new Error('there is no such file');
  }
  if (path.startsWith('/') || !file.startsWith(root.endsWith(sep) ? root : root + sep))
    throw new Error("it must lie under the topology's folder");
  const isTyped = ['.ts', '.mts'].includes(extname(file));
  if (isTyped && !(process.features as { typescript?: unknown }).typescript)
    return builtOf(file, () => locateModule(path.replace(/ts$/, 'js'), folder));
  if (!isTyped && !['.js', '.mjs'].includes(extname(file)))
    throw new Error('expected a module of JavaScript or TypeScript: .js, .mjs, .ts or .mts');
  if (!statSync(file).isFile()) throw new Error('it is no file');
  return file;
}

/** What a compiler made of a module of TypeScript, beside it: for a Node that does not read TypeScript. */
function builtOf(file: string, locateBuilt: () => string): string {
  const built = file.replace(/ts$/, 'js');
  const how = `TypeScript runs as it is from Node 22.18 on, and this is ${process.version}`;
  if (!existsSync(built))
    throw new Error(`${how}: run npx tsc, so that ${basename(built)} stands beside it, or use a newer Node`);
  if (statSync(built).mtimeMs < statSync(file).mtimeMs)
    throw new Error(`${how}: ${basename(built)}, beside it, is older than it; run npx tsc again`);
  return locateBuilt();
}

function faults(candidate: unknown): string[] {
  if (typeof candidate !== 'object' || candidate === null) return [`expected an object, found ${typeof candidate}`];
  const { name, summary, config, needs, adds, models, create } = candidate as Record<string, unknown>;
  const wrong: string[] = [];
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,62}$/.test(name) || name in Object.prototype)
    wrong.push('name must be a verb in small letters');
  if (typeof summary !== 'string') wrong.push('summary must be text');
  if (!isObjectSchema(config)) wrong.push('config must be an object schema of zod 4');
  for (const [field, list] of [
    ['needs', needs],
    ['adds', adds],
  ] as const)
    if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
      wrong.push(`${field} must be a list of names`);
  if (models !== undefined && typeof models !== 'function')
    wrong.push('models must be a function of the configuration');
  if (typeof create !== 'function') wrong.push('create must be a function');
  return wrong;
}

/** Judged by its shape: the module may have brought its own copy of zod. */
function isObjectSchema(config: unknown): boolean {
  if (typeof config !== 'object' || config === null || !('_zod' in config)) return false;
  const { shape, safeParse } = config as { shape?: unknown; safeParse?: unknown };
  return typeof shape === 'object' && typeof safeParse === 'function';
}
