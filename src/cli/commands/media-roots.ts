import { realpath } from 'node:fs/promises';
import { dirname, parse, relative, sep } from 'node:path';
import { VimiError } from '../../errors.js';
import { allowedPath } from '../../media/media-path.js';
import type { Topology } from '../../streams/topology/topology.js';

/** MEDIA_FORBIDDEN, with the root that is missing, when `fetch` would refuse some of the files (absolute paths). */
export async function checkMediaRoots(files: string[], { mediaRoots, file: topology }: Topology): Promise<void> {
  const outside: string[] = [];
  for (const file of files) {
    const refused = await allowedPath(file, file, mediaRoots).then(
      () => false,
      (error: VimiError) => error.code === 'MEDIA_FORBIDDEN',
    );
    if (refused) outside.push(await realpath(file).catch(() => file));
  }
  const [first, ...others] = outside;
  if (first === undefined) return;
  const root = others.reduce((folder, file) => sharedFolder(folder, dirname(file)), dirname(first));
  throw new VimiError(
    'MEDIA_FORBIDDEN',
    `${outside.length} of ${files.length} media lie outside of media_roots, so nothing was published`,
    {
      expected: `files under ${mediaRoots.join(' or ')}, or media_roots with ${root} too`,
      found: first,
      where: topology,
    },
  );
}

/** The deepest folder that holds both. */
function sharedFolder(a: string, b: string): string {
  let shared = a;
  while (shared !== parse(shared).root && relative(shared, b).split(sep)[0] === '..') shared = dirname(shared);
  return shared;
}
