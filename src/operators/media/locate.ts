import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import type { Resources } from '../../flow/operator.js';
import { mediaPath } from '../../media/media-path.js';
import { type OpenMedia, openMedia, openOwn } from '../../media/open-media.js';
import { copyTarMember } from '../../media/open-tar-member.js';
import { download } from '../../media/web/download.js';
import { type HostLimits, hostTurns } from '../../media/web/host-turns.js';
import { SiteRules } from '../../media/web/site-rules.js';
import { createWebClient, type WebClient } from '../../media/web/web-client.js';
import { sidecarOfFile, sidecarOfObject } from './sidecar.js';

type Places = Pick<Resources, 'objects' | 'mediaRoots' | 'workDir'>;

/** The way out to HTTP, and what sites say of themselves. */
export interface Web {
  client: WebClient;
  rules: SiteRules;
}

/** All pipelines of a process share the turns of a host. */
export function openWeb(hosts: readonly string[], limits: HostLimits, clock: Clock): Web {
  const client = createWebClient({ hosts, limits, turns: hostTurns });
  return { client, rules: new SiteRules(client, () => clock.elapsed()) };
}

/** The bytes of a medium, opened. */
export interface Located {
  medium: OpenMedia;
  /** The text beside it. */
  sidecar(): Promise<string | undefined>;
  /** Its temporary file, if it has one, is no longer wanted. */
  release(): void;
}

interface Limits {
  maxBytes: number;
  /** Of a download. */
  maxMs: number;
  signal: AbortSignal;
}

/** Opens what a uri names, wherever it lies; or says which signal of its server forbids it. */
export async function locate(
  uri: string,
  limits: Limits,
  places: Places,
  web: Web,
): Promise<Located | { optedOut: string }> {
  if (/^https?:/i.test(uri)) return locateAddress(uri, limits, places, web);
  if (uri.startsWith('object:')) return locateObject(uri, limits, places);
  if (uri.startsWith('tar:')) return locateMember(uri, limits, places);
  const path = await mediaPath(uri, places.mediaRoots);
  const medium = await openMedia(path, uri, places.mediaRoots);
  return { medium, sidecar: () => sidecarOfFile(path, places.mediaRoots), release: () => {} };
}

async function locateObject(uri: string, { maxBytes }: Limits, { objects }: Places): Promise<Located> {
  const key = uri.slice('object:'.length);
  const stat = await objects.stat(key);
  if (!stat) throw new VimiError('MEDIA_NOT_FOUND', 'This object does not exist', { found: key, where: uri });
  // Before it is copied here.
  if (stat.size > maxBytes) throw tooLarge(uri, stat.size, maxBytes);
  const local = await objects.localFile(key);
  const release = () => void local.release().catch(() => undefined);
  const medium = await openOwn(local.path, uri).catch((error) => {
    release();
    throw error;
  });
  return { medium, release, sidecar: () => sidecarOfObject(key, objects) };
}

/** What stands beside it in the tar, the event says as its caption. */
async function locateMember(uri: string, limits: Limits, { mediaRoots, workDir }: Places): Promise<Located> {
  const copied = await copyTarMember(uri, { roots: mediaRoots, workDir, ...limits });
  return { ...copied, sidecar: async () => undefined };
}

/** Nothing stands beside an address. */
async function locateAddress(uri: string, limits: Limits, { workDir }: Places, web: Web) {
  const found = await download(uri, web, { ...limits, workDir });
  return 'optedOut' in found ? found : { ...found, sidecar: async () => undefined };
}

export function tooLarge(uri: string, size: number, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This file is too large', {
    expected: `at most ${most} bytes`,
    found: `${size} bytes`,
    where: uri,
  });
}
