import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VimiError } from '../../core/errors.js';
import { allowedPath, asSpelled } from '../../media/media-path.js';
import type { Topology } from '../../streams/topology/topology.js';
import { type FoundMedium, type MediaInFolders, mediaFiles } from './media-files.js';
import { withinMediaRoots } from './media-roots.js';
import type { MediaSource } from './media-source.js';
import { offeredFile } from './offered-file.js';

/*
 * Folders that are looked at again and again. Listings work everywhere, network shares included, and see what happened while
 * nobody looked; messages of the operating system do neither. A file is offered once it and the texts beside it are the same in
 * two looks, by size and time of change; and again when they have changed since. What became of files that are gone or have
 * another name, the corpus decides.
 */

export interface WatchOptions {
  topology: Pick<Topology, 'mediaRoots' | 'file'>;
  /** What of tables is wanted as labels, by name. */
  labels?: readonly string[];
  signal: AbortSignal;
  /** Waits for the next look. Default: for the milliseconds that are given, or until the signal aborts. */
  pause?(ms: number, signal: AbortSignal): Promise<void>;
  /** Called for what a folder has that is not taken, once for each name and reason. */
  onPassedOver?(reason: string, name: string): void;
  /** A folder cannot be listed now; called once until it can be again. */
  onAway?(folder: string): void;
}

const nothing = { media: [], passedOver: [] } as MediaInFolders;

interface Seen {
  /** Of the look before. */
  print: string;
  /** It was offered as it is. */
  isOffered: boolean;
}

/** Between two looks. */
const everyMs = 2000;
/** A look may take so much of the time: a large folder, or one far away, is not listed all the time. */
const shareOfTime = 0.2;

/** Offers what is in the folders, and what comes, until the signal aborts. USAGE, MEDIA_NOT_FOUND, MEDIA_FORBIDDEN. */
export async function watchedFolders(
  names: readonly string[],
  { topology, labels = [], signal, pause = untilNext, onPassedOver, onAway }: WatchOptions,
): Promise<MediaSource> {
  const folders = await Promise.all(names.map((name) => asSpelled(resolve(name), topology.mediaRoots)));
  for (const [n, folder] of folders.entries()) await checkFolder(folder, names[n]!, topology.mediaRoots);
  const seen = new Map<string, Seen>();
  let told = new Set<string>();
  const away = new Set<string>();
  return {
    name: folders.join(', '),
    async *media(passedOver) {
      while (!signal.aborted) {
        const began = performance.now();
        const toldNow = new Set<string>();
        const passOver = (reason: string, name: string) => {
          const key = `${reason}\n${name}`;
          toldNow.add(key);
          if (told.has(key)) return;
          passedOver.add(reason, name);
          onPassedOver?.(reason, name);
        };
        const there = await listed(folders, away, onAway);
        // One of them went away just now: the next look says so.
        const found = await mediaFiles(there, { labels, mediaRoots: topology.mediaRoots }).catch(() => nothing);
        for (const { reason, names: others } of found.passedOver) for (const name of others) passOver(reason, name);
        const now = new Set<string>();
        for (const medium of found.media) {
          if (signal.aborted) return;
          now.add(medium.path);
          if (!(await isReady(medium, seen))) continue;
          const { within } = await withinMediaRoots([medium.path], there, topology);
          if (within.size > 0) yield await offeredFile(medium);
          else passOver('links out of media_roots', medium.path);
        }
        // Of a folder that is away for a while nothing is forgotten.
        const isWhole = away.size === 0 && found !== nothing;
        if (isWhole) for (const path of seen.keys()) if (!now.has(path)) seen.delete(path);
        told = isWhole ? toldNow : new Set([...told, ...toldNow]);
        await pause(Math.max(everyMs, (performance.now() - began) / shareOfTime), signal);
      }
    },
  };
}

async function untilNext(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

async function checkFolder(folder: string, name: string, mediaRoots: string[]): Promise<void> {
  const entry = await stat(folder).catch(() => null);
  if (!entry && !/^[a-z][a-z0-9+.-]+:/i.test(name))
    throw new VimiError('MEDIA_NOT_FOUND', 'There is no such folder', { where: folder });
  if (!entry?.isDirectory())
    throw new VimiError('USAGE', 'Only folders can be watched', {
      ...{ expected: 'a folder', found: name, remedy: 'Leave --watch out, or name the folder that it is in.' },
    });
  await allowedPath(folder, folder, mediaRoots);
}

/** The folders that are there: a network share may be away for a while. */
async function listed(folders: string[], away: Set<string>, onAway: WatchOptions['onAway']): Promise<string[]> {
  const there: string[] = [];
  for (const folder of folders) {
    const entry = await stat(folder).catch(() => null);
    if (entry?.isDirectory()) {
      away.delete(folder);
      there.push(folder);
    } else if (!away.has(folder)) {
      away.add(folder);
      onAway?.(folder);
    }
  }
  return there;
}

/** Whether a medium is the same as in the look before, and was not offered like this. */
async function isReady(medium: FoundMedium, seen: Map<string, Seen>): Promise<boolean> {
  const print = await printOf(medium);
  const before = seen.get(medium.path);
  if (before?.print !== print) {
    seen.set(medium.path, { print, isOffered: false });
    return false;
  }
  const isReady = !before.isOffered;
  before.isOffered = true;
  return isReady;
}

/** Tells one state of a file, of the texts beside it and of what tables say of it from another, without reading the file. */
async function printOf({ path, beside, ...told }: FoundMedium): Promise<string> {
  const states = [path, ...beside].map(async (one) => {
    const entry = await stat(one, { bigint: true }).catch(() => null);
    return entry ? `${entry.size}:${entry.mtimeNs}` : 'gone';
  });
  return `${(await Promise.all(states)).join(' ')} ${JSON.stringify(told)}`;
}
