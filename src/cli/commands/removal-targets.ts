import { relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { VimiError } from '../../core/errors.js';
import type { RemovalTarget } from '../../events/schemas.js';

export interface TargetOptions {
  source?: string[];
  uri?: string[];
  licence?: string[];
}

/**
 * What a removal is about: an argument that is a document's id means that, any other a source. A path stands for all spellings
 * by which events may name it from here: the whole path, which `vimi ingest` publishes, the path from here on, and the file:
 * URL. USAGE for nothing.
 */
export function removalTargets(
  names: string[],
  { source = [], uri = [], licence = [] }: TargetOptions,
): RemovalTarget[] {
  const of = (kind: RemovalTarget['kind'], values: string[]) => values.map((value) => ({ kind, value }));
  const [ids, sources] = [names.filter(isId), names.filter((name) => !isId(name))];
  const targets = [
    ...of('document', ids),
    ...of('source', [...sources, ...source]),
    ...of('uri', uri.flatMap(spellings)),
    ...of('licence', licence),
  ];
  if (targets.length > 0) return targets;
  throw new VimiError('USAGE', 'Nothing was named', {
    expected: 'a source, the id of a document (64 hex digits), --uri or --licence',
  });
}

const isId = (name: string) => /^[0-9a-f]{64}$/.test(name);

/** How events may name it, the whole path last. An address that is no path has one spelling. */
function spellings(uri: string): string[] {
  const path = pathIn(uri);
  if (path === null) return [uri];
  const near = relative('.', path);
  const fromHere = near === '' || near.startsWith('..') ? [] : [near, `./${near}`];
  return [...new Set([uri, ...fromHere, pathToFileURL(path).href].filter((one) => one !== path)), path];
}

/** The whole path; null: it names none of this machine. */
function pathIn(uri: string): string | null {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(uri)) return resolve(uri);
  try {
    return uri.startsWith('file://') ? fileURLToPath(uri) : null;
  } catch {
    return null;
  }
}

/** Whether both mean the same: then what holds for one of them is enough. */
export function isSame(one: RemovalTarget, other: RemovalTarget): boolean {
  if (one.kind !== other.kind) return false;
  const means = ({ kind, value }: RemovalTarget) => (kind === 'uri' ? spellings(value).at(-1) : value);
  return means(one) === means(other);
}

/** Each once, by its last spelling. */
export function targetNames(targets: readonly RemovalTarget[]): string[] {
  return targets.filter((one, n) => !targets.slice(n + 1).some((other) => isSame(one, other))).map(targetName);
}

export function targetName({ kind, value }: RemovalTarget): string {
  return `${kind} ${value}`;
}
