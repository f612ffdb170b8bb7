import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { asSpelled } from '../../media/media-path.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Topology } from '../../streams/topology/topology.js';
import { isTar } from './holders.js';
import { isManifest, manifest } from './manifest.js';
import { mediaFiles } from './media-files.js';
import { withinMediaRoots } from './media-roots.js';
import type { MediaSource } from './media-source.js';
import { objectPrefix, prefixIn } from './object-prefix.js';
import { offeredFile } from './offered-file.js';
import { versionOf } from './offered-medium.js';
import { webDataset } from './web-dataset.js';

export interface SourcesOptions {
  topology: Pick<Topology, 'mediaRoots' | 'file' | 'profile'>;
  /** Asked for only where objects are named. */
  objects(): Promise<ObjectStore>;
  /** The key behind which objects are listed. */
  after?: string;
  /** What of tables and JSON is wanted as labels, by name. */
  labels?: readonly string[];
}

/**
 * The sources that a person named: files, folders, tars (.tar, .tar.gz), manifests (.jsonl, .csv, .tsv, .parquet), addresses of http and https, and prefixes of
 * the object store (object:PREFIX, s3://BUCKET/PREFIX). Nothing is
 * read of manifests and tars yet. MEDIA_NOT_FOUND; MEDIA_FORBIDDEN where files or tars lie outside of media_roots.
 */
export async function openSources(
  names: readonly string[],
  { topology, objects, after, labels = [] }: SourcesOptions,
): Promise<MediaSource[]> {
  const { mediaRoots } = topology;
  const files: string[] = [];
  const others: MediaSource[] = [];
  const tars: string[] = [];
  const prefixes = new Map(names.map((name) => [name, prefixIn(name, topology.profile.objects)]));
  const addresses = names.filter((name) => /^https?:\/\//i.test(name));
  if (addresses.length > 0) others.push(namedAddresses(addresses));
  for (const prefix of prefixes.values()) if (prefix !== null) others.push(objectPrefix(prefix, objects, after));
  const isPath = (name: string) => !addresses.includes(name) && prefixes.get(name) === null;
  const paths = await Promise.all(names.filter(isPath).map((name) => asSpelled(resolve(name), mediaRoots)));
  for (const path of paths) {
    const isFile = await stat(path).then(
      (entry) => entry.isFile(),
      () => false,
    );
    if (isFile && isTar(path)) {
      tars.push(path);
      others.push(webDataset(path, { mediaRoots, workDir: topology.profile.work, labels }));
    } else if (isFile && isManifest(path)) others.push(manifest(path, dirname(path), { mediaRoots, labels }));
    else files.push(path);
  }
  const found = await mediaFiles(files, { labels, mediaRoots });
  const media = found.media.map(({ path }) => path);
  const { within, linksOut } = await withinMediaRoots([...media, ...tars], [...files, ...tars], topology);
  const taken: MediaSource = {
    name: files.join(', '),
    expected: () => within.size,
    async *media(passedOver) {
      const { media, passedOver: passed } = found;
      for (const { reason, names: others } of passed) for (const name of others) passedOver.add(reason, name);
      for (const name of linksOut) passedOver.add('links out of media_roots', name);
      // One after the other: thousands of open files are too many.
      for (const medium of media) if (within.has(medium.path)) yield await offeredFile(medium);
    },
  };
  return files.length > 0 ? [taken, ...others] : others;
}

function namedAddresses(uris: string[]): MediaSource {
  return {
    name: uris.join(', '),
    expected: () => uris.length,
    async *media() {
      for (const uri of uris) yield { uri, version: versionOf(uri) };
    },
  };
}
