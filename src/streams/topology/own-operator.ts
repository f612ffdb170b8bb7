import { spawnSync } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { named, placeOf } from '../../errors.js';
import type { Operator } from '../../operators/operator.js';

/** A step names a team's own operator by a path that begins so. */
export function isModulePath(name: string): boolean {
  return name.startsWith('./') || name.startsWith('../') || name.startsWith('/');
}

/**
 * Loads an operator that defineOperator made: the module's default export, or its export `operator`. The file must lie
 * under the topology's folder, links followed. Loading runs the module. Throws an Error that says what is wrong.
 */
export async function loadOwnOperator(path: string, folder: string): Promise<Operator> {
  const file = locate(path, folder);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (thrown) {
    const [message] = named(thrown).split('\n');
    const place = lineOf(thrown, file);
    throw new Error(`it cannot be loaded: ${message}${place ? ` (${place})` : ''}`);
  }
  const operator = module.default ?? module.operator;
  if (operator === undefined)
    throw new Error("it exports no operator: expected a default export or one named 'operator'");
  const wrong = faults(operator);
  if (wrong.length > 0) throw new Error(`its export is no operator: ${wrong.join(', ')}; make it with defineOperator`);
  return { ...(operator as Operator), module: file };
}

/** Where a module is wrong. An error of the parser does not say; Node writes the place when it only checks the file. */
function lineOf(thrown: unknown, file: string): string | undefined {
  if (!(thrown instanceof SyntaxError)) return placeOf(thrown);
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 20_000 });
  const line = /^(?:file:\/\/)?\/\S{1,4096}:(\d+)\r?\n/.exec(stderr ?? '')?.[1];
  return line ? `${file}:${line}` : undefined;
}

function locate(path: string, folder: string): string {
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
    throw new Error(`TypeScript is read by Node 22.18 or newer: this is ${process.version}; compile it to .mjs`);
  if (!isTyped && !['.js', '.mjs'].includes(extname(file)))
    throw new Error('expected a module of JavaScript or TypeScript: .js, .mjs, .ts or .mts');
  if (!statSync(file).isFile()) throw new Error('it is no file');
  return file;
}

function faults(candidate: unknown): string[] {
  if (typeof candidate !== 'object' || candidate === null) return [`expected an object, found ${typeof candidate}`];
  const { name, summary, config, needs, adds, create } = candidate as Record<string, unknown>;
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
  if (typeof create !== 'function') wrong.push('create must be a function');
  return wrong;
}

/** Judged by its shape: the module may have brought its own copy of zod. */
function isObjectSchema(config: unknown): boolean {
  if (typeof config !== 'object' || config === null || !('_zod' in config)) return false;
  const { shape, safeParse } = config as { shape?: unknown; safeParse?: unknown };
  return typeof shape === 'object' && typeof safeParse === 'function';
}
