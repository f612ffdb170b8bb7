import { realpath } from 'node:fs/promises';
import { dirname, parse, relative, resolve, sep } from 'node:path';
import { VimiError } from '../../core/errors.js';
import { allowedPath } from '../../media/media-path.js';
import type { Topology } from '../../streams/topology/topology.js';

/**
 * Those of the files (absolute paths) that `fetch` will not refuse, and the links in folders that lead out of media_roots.
 * MEDIA_FORBIDDEN, with the root that is missing, when a path that was named itself, or its whole folder, lies outside.
 */
export async function withinMediaRoots(
  files: string[],
  paths: readonly string[],
  { mediaRoots, file: topology }: Pick<Topology, 'mediaRoots' | 'file'>,
): Promise<{ within: Set<string>; linksOut: string[] }> {
  const isRefused = (path: string) => isOutside(path, mediaRoots);
  const folders: string[] = [];
  for (const path of paths.map((one) => resolve(one))) if (!(await isRefused(path))) folders.push(`${path}${sep}`);
  const within = new Set<string>();
  const linksOut: string[] = [];
  const outside: string[] = [];
  let found = '';
  for (const file of files) {
    if (!(await isRefused(file))) {
      within.add(file);
      continue;
    }
    if (folders.some((folder) => file.startsWith(folder))) {
      linksOut.push(file);
      continue;
    }
    const real = await realpath(file).catch(() => file);
    found ||= real === file ? file : `${file}, a link to ${real}`;
    outside.push(real);
  }
  const [first, ...others] = outside;
  if (first === undefined) return { within, linksOut };
  const root = others.reduce((folder, file) => sharedFolder(folder, dirname(file)), dirname(first));
  throw new VimiError(
    'MEDIA_FORBIDDEN',
    `${outside.length} of ${files.length} media lie outside of media_roots, so nothing was published`,
    {
      expected: `files under ${mediaRoots.join(' or ')}, or media_roots with ${root} too`,
      found,
      where: topology,
    },
  );
}

/** Whether a path, or what it leads to, lies outside of the roots. */
export async function isOutside(path: string, mediaRoots: string[]): Promise<boolean> {
  return allowedPath(path, path, mediaRoots).then(
    () => false,
    (error: VimiError) => error.code === 'MEDIA_FORBIDDEN',
  );
}

/** The deepest folder that holds both. */
function sharedFolder(a: string, b: string): string {
  let shared = a;
  while (shared !== parse(shared).root && relative(shared, b).split(sep)[0] === '..') shared = dirname(shared);
  return shared;
}
