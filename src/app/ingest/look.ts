import { asVimiError, VimiError } from '../../core/errors.js';
import { mayBeMedia, otherKind, unknownKind } from '../../media/file-kinds.js';
import { formatOf, signatureBytes } from '../../media/image-formats.js';
import { mediaPath } from '../../media/media-path.js';
import { type OpenMedia, openMedia } from '../../media/open-media.js';
import { openMember } from '../../media/open-tar-member.js';
import { type CaptionerSetting, maySay, wordsFor } from '../../operators/media/captioners.js';
import { tooLarge } from '../../operators/media/locate.js';
import { sidecarOfFile } from '../../operators/media/sidecar.js';
import type { Topology } from '../../streams/topology/topology.js';
import { checkMediaHost } from './media-hosts.js';
import type { OfferedMedium } from './offered-medium.js';

/** What a medium is by its first bytes: a format of images, `video`; or, where nothing was read of it, its protocol. */
export interface Looked {
  kind: string;
  /** For which it would be rejected. */
  problem?: VimiError;
}

/** What a pipeline asks of its media. */
export interface Asked {
  /** Who makes captions. */
  captioners: readonly CaptionerSetting[];
  maxBytes: number;
}

type LookedBy = Pick<Topology, 'mediaRoots' | 'mediaHosts'> & { profile: Pick<Topology['profile'], 'work'> };

/** Looks at a medium that lies in a file or a tar, without decoding it. What lies elsewhere is not fetched. */
export async function look(
  { uri, caption, labels }: OfferedMedium,
  { mediaRoots: roots, mediaHosts, profile: { work } }: LookedBy,
  { captioners, maxBytes }: Asked,
): Promise<Looked> {
  const protocol = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
  if (protocol === 'object') return { kind: 'objects' };
  if (protocol === 'http' || protocol === 'https')
    return { kind: 'addresses', ...problemOf(() => checkMediaHost(uri, { mediaHosts })) };
  let kind = 'unreadable';
  try {
    const { medium, at, size } = await opened(uri, roots, work);
    try {
      if (size > maxBytes) throw tooLarge(uri, size, maxBytes);
      kind = await kindOf(medium, at, size, uri);
    } finally {
      await medium.close();
    }
    const sidecar =
      caption === undefined && protocol === undefined
        ? await sidecarOfFile(await mediaPath(uri, roots), roots)
        : undefined;
    if (!captioners.some((one) => maySay(one, { caption, sidecar, labels })))
      throw new VimiError('CAPTION_MISSING', 'This medium has no caption', {
        ...{ expected: captioners.map(wordsFor).join(', or '), found: caption ?? sidecar ?? 'none', where: uri },
      });
    return { kind };
  } catch (error) {
    return { kind, problem: asVimiError(error) };
  }
}

function problemOf(check: () => void): Pick<Looked, 'problem'> {
  try {
    check();
    return {};
  } catch (error) {
    return { problem: asVimiError(error) };
  }
}

async function opened(
  uri: string,
  roots: string[],
  workDir: string,
): Promise<{ medium: OpenMedia; at: number; size: number }> {
  if (uri.startsWith('tar:')) return openMember(uri, roots, workDir);
  const medium = await openMedia(await mediaPath(uri, roots), uri, roots);
  return { medium, at: 0, size: medium.size };
}

async function kindOf({ handle }: OpenMedia, at: number, size: number, uri: string): Promise<string> {
  const length = Math.min(size, signatureBytes);
  if (length === 0) throw new VimiError('MEDIA_EMPTY', 'This file is empty', { found: '0 bytes', where: uri });
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  const bytes = buffer.subarray(0, bytesRead);
  const format = formatOf(bytes);
  if (format) return format.name;
  if (mayBeMedia(bytes)) return 'video';
  const kind = otherKind(bytes);
  // ffmpeg knows more than what is known here.
  if (kind === null) return 'video';
  throw new VimiError('MEDIA_UNSUPPORTED', 'This is no image or video that can be read', {
    ...{ expected: 'an image or a video', found: kind ?? unknownKind, where: uri },
  });
}
