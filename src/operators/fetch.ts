import { createHash } from 'node:crypto';
import { map } from 'rxjs';
import { z } from 'zod';
import { VimiError } from '../errors.js';
import { pathOf } from '../media/media-path.js';
import { identityOf, type OpenMedia, openMedia, openOwn, replaced } from '../media/open-media.js';
import type { MediaFile } from './flow.js';
import { onLastFate } from './last-fate.js';
import { mapEach } from './map-each.js';
import { defineOperator, type Resources } from './operator.js';
import { sidecarOfFile, sidecarOfObject } from './sidecar.js';

/*
 * In      media: a uri, which is a path, a file: URL or object:KEY
 * Out     file: a local path, size, SHA-256, source, licence, and the sidecar's text when the event has no caption
 * Drops   nothing
 * Fails   MEDIA_FORBIDDEN (outside the roots, by `..` or by a link; any other protocol), MEDIA_NOT_FOUND, MEDIA_EMPTY,
 *         MEDIA_TOO_LARGE, MEDIA_UNSUPPORTED (a folder, a pipe, a device), CAPTION_UNREADABLE (a sidecar that is no text),
 *         PROMPT_TOO_LONG (a sidecar of more than 4,000 characters)
 * Memory  64 KiB a file; bytes are hashed as they are read. An object is a temporary file until its event has its fate.
 */

export const fetch = defineOperator(
  {
    name: 'fetch',
    summary: 'Finds the bytes of a medium and proves that they may be read.',
    contract: {
      in: 'media: a uri, which is a path (relative to where vimi runs), a file: URL, or object:KEY.',
      out: 'file: a local path, size, SHA-256, source and licence; without a caption in the event, the text beside the file: NAME.txt, NAME.jpg.txt, NAME.caption, or caption, text or description of NAME.json.',
      drops: 'Nothing.',
      fails:
        'MEDIA_FORBIDDEN outside the allowed roots (also by a link) and for every other protocol; MEDIA_NOT_FOUND; MEDIA_EMPTY; MEDIA_TOO_LARGE; MEDIA_UNSUPPORTED for what is not a regular file; CAPTION_UNREADABLE and PROMPT_TOO_LONG for a sidecar that is no text (UTF-8 or UTF-16) or too long.',
      memory: '64 KiB a file. An object lies in a temporary file until its event has its fate.',
    },
    config: z.strictObject({
      max_bytes: z
        .number()
        .int()
        .positive()
        .default(2 * 1024 ** 3)
        .describe('Larger media are rejected.'),
      concurrency: z.number().int().min(1).max(64).default(4).describe('Media read at once.'),
    }),
    example: '- fetch: { max_bytes: 500000000 }',
    needs: ['media'],
    adds: ['file'],
  },
  (config, resources) => {
    const releases = new WeakMap<MediaFile, () => void>();
    const step = mapEach<'media'>(
      async ({ media }, { signal }) => {
        const { uri } = media;
        const located = await locate(uri, config.max_bytes, resources);
        try {
          const sha256 = await hashOf(located.medium, uri, config.max_bytes, signal);
          const sidecar = media.caption === undefined ? await located.sidecar() : undefined;
          const file: MediaFile = {
            path: located.medium.realPath,
            size: located.medium.size,
            sha256,
            identity: located.medium.identity,
            ...(sidecar !== undefined && { sidecar }),
            uri,
            source: media.source ?? uri,
            licence: media.licence ?? 'unknown',
          };
          releases.set(file, located.release);
          return { file };
        } catch (error) {
          located.release();
          throw error;
        } finally {
          await located.medium.close();
        }
      },
      { step: 'fetch', concurrency: config.concurrency, clock: resources.clock },
    );
    return {
      step: (source) =>
        step(source).pipe(
          map((envelope) => {
            const release = envelope.data.file && releases.get(envelope.data.file);
            return release ? onLastFate(envelope, release) : envelope;
          }),
        ),
    };
  },
);

interface Located {
  medium: OpenMedia;
  sidecar(): Promise<string | undefined>;
  release(): void;
}

async function locate(uri: string, maxBytes: number, resources: Resources): Promise<Located> {
  if (uri.startsWith('object:')) return locateObject(uri, maxBytes, resources);
  const path = pathOf(uri);
  const medium = await openMedia(path, uri, resources.mediaRoots);
  return { medium, sidecar: () => sidecarOfFile(path, resources.mediaRoots), release: () => {} };
}

async function locateObject(uri: string, maxBytes: number, { objects }: Resources): Promise<Located> {
  const key = uri.slice('object:'.length);
  const stat = await objects.stat(key);
  if (!stat) throw new VimiError('MEDIA_NOT_FOUND', 'This object is not there', { found: key, where: uri });
  // Before it is copied here.
  if (stat.size > maxBytes) throw tooLarge(uri, stat.size, maxBytes);
  const local = await objects.localFile(key);
  const release = () => void local.release().catch(() => undefined);
  const medium = await openOwn(local.path, uri).catch((error) => {
    release();
    throw error;
  });
  return {
    medium,
    release,
    sidecar: () => sidecarOfObject(key, objects),
  };
}

async function hashOf({ handle, size, identity }: OpenMedia, uri: string, maxBytes: number, signal: AbortSignal) {
  if (size > maxBytes) throw tooLarge(uri, size, maxBytes);
  if (size === 0)
    throw new VimiError('MEDIA_EMPTY', 'This file is empty', {
      expected: 'a video or a picture',
      found: '0 bytes',
      where: uri,
    });
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(64 * 1024);
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    if (at > size) break;
    hash.update(chunk.subarray(0, bytesRead));
  }
  if (identityOf(await handle.stat({ bigint: true })) !== identity) throw replaced(uri);
  return hash.digest('hex');
}

function tooLarge(uri: string, size: number, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This file is too large', {
    expected: `at most ${most} bytes`,
    found: `${size} bytes`,
    where: uri,
  });
}
