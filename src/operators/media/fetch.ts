import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { MediaFile } from '../../flow/flow.js';
import { drop } from '../../flow/map-each.js';
import { identityOf, type OpenMedia, replaced } from '../../media/open-media.js';
import { locate, openWeb, tooLarge } from './locate.js';

/*
 * In      media: a uri, which is a path, a file: URL, object:KEY, tar:PATH#PLACE/NAME, or an
 *         http: or https: URL
 * Out     file: a local path, size, SHA-256, source, licence, and the sidecar's text when the event has no caption
 * Drops   licence: not one that is allowed; opted-out: its server says that it must not be used; removed: its source,
 *         licence, uri or bytes were removed from the corpus
 * Fails   MEDIA_FORBIDDEN (outside the roots, by `..` or by a link; any other protocol), MEDIA_NOT_FOUND, MEDIA_EMPTY,
 *         MEDIA_TOO_LARGE, MEDIA_UNSUPPORTED (a folder, a pipe, a device), CAPTION_UNREADABLE (a sidecar that is no text),
 *         PROMPT_TOO_LONG (a sidecar of more than 4,000 characters)
 * Memory  64 KiB a file; bytes are hashed as they are read. What is no file is a temporary file until its event has
 *         its outcome.
 */

export const fetch = defineOperator(
  {
    name: 'fetch',
    summary: 'Finds the bytes of a medium and checks that they may be read.',
    contract: {
      in: 'media: a uri, which is a path (relative to where vimi runs), a file: URL, object:KEY, a member of a tar as tar:PATH#PLACE/NAME, or an http: or https: URL of one of media_hosts.',
      out: 'file: a local path, size, SHA-256, source and licence. Without a caption in the event, also the text beside the file: NAME.txt, NAME.jpg.txt, NAME.caption, or caption, text or description of NAME.json.',
      drops:
        'licence: not one of `licences`; nothing is read of the medium. opted-out: its server says that it must not be used for training (docs/guides/opt-out-signals.md). removed: its source, licence or uri was removed from the corpus (before it is read), or its very bytes were.',
      fails:
        'MEDIA_FORBIDDEN outside the allowed roots (also by a link) and hosts, for addresses that are not public, and for every other protocol; SOURCE_UNREACHABLE after retries; SOURCE_TOO_SLOW; MEDIA_NOT_FOUND; MEDIA_EMPTY; MEDIA_TOO_LARGE; MEDIA_UNSUPPORTED for anything but a regular file; CAPTION_UNREADABLE or PROMPT_TOO_LONG for a text beside the file that is not UTF-8 or UTF-16, or too long.',
      memory: '64 KiB a file. What is no file is kept in a temporary file until its event has its outcome.',
    },
    config: z.strictObject({
      max_bytes: z
        .number()
        .int()
        .positive()
        .default(2 * 1024 ** 3)
        .describe('Larger media are rejected.'),
      max_seconds: z
        .number()
        .int()
        .min(1)
        .max(86_400)
        .default(600)
        .describe(
          'A medium that takes longer to come over HTTP is rejected at once (SOURCE_TOO_SLOW). Until then all media that were published after it wait: lower this where hosts are slow.',
        ),
      licences: z
        .array(z.string().min(1).max(128))
        .min(1)
        .max(1000)
        .optional()
        .describe(
          'Media with another licence, or with none, are dropped. Upper and lower case are alike. Default: every licence is accepted.',
        ),
      host_requests: z
        .number()
        .int()
        .min(1)
        .max(64)
        .default(2)
        .describe('Requests to one HTTP host at the same time, of all pipelines of the process together.'),
      host_pause: z
        .number()
        .min(0)
        .max(60)
        .default(0.1)
        .describe(
          'Seconds between the beginnings of two requests to one HTTP host; more if its robots.txt has a Crawl-delay (60 at most).',
        ),
      concurrency: z.number().int().min(1).max(64).default(4).describe('Media read at once.'),
    }),
    example: '- fetch: { max_bytes: 500000000, licences: [CC0-1.0, CC-BY-4.0] }',
    needs: ['media'],
    adds: ['file'],
  },
  {
    concurrency: (config) => config.concurrency,
    open: ({ mediaHosts, clock, config: { host_requests: atOnce, host_pause: seconds } }) =>
      openWeb(mediaHosts, { atOnce, pauseMs: seconds * 1000 }, clock),
    async process({ media }, context) {
      const { config, signal, onEnd, removals, state } = context;
      const { uri, licence = 'unknown' } = media;
      const provenance = { uri, source: media.source ?? uri, licence };
      if (removals.of(provenance)) return drop('removed');
      if (config.licences && !config.licences.some((one) => isSame(one, licence))) return drop('licence', licence);
      const limits = { maxBytes: config.max_bytes, maxMs: config.max_seconds * 1000, signal };
      const located = await locate(uri, limits, context, state);
      if ('optedOut' in located) return drop('opted-out', located.optedOut);
      try {
        const sha256 = await hashOf(located.medium, uri, config.max_bytes, signal);
        if (removals.of({ file: sha256 })) {
          located.release();
          return drop('removed');
        }
        const sidecar = media.caption === undefined ? await located.sidecar() : undefined;
        const file: MediaFile = {
          path: located.medium.realPath,
          size: located.medium.size,
          sha256,
          identity: located.medium.identity,
          ...(sidecar !== undefined && { sidecar }),
          ...provenance,
        };
        onEnd(located.release);
        return { file };
      } catch (error) {
        located.release();
        throw error;
      } finally {
        await located.medium.close();
      }
    },
  },
);

async function hashOf({ handle, size, identity }: OpenMedia, uri: string, maxBytes: number, signal: AbortSignal) {
  if (size > maxBytes) throw tooLarge(uri, size, maxBytes);
  if (size === 0)
    throw new VimiError('MEDIA_EMPTY', 'This file is empty', {
      expected: 'a video or an image',
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

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
