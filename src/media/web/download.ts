import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asStorageError, asVimiError, VimiError } from '../../core/errors.js';
import { otherKind } from '../file-kinds.js';
import { type OpenMedia, openOwn } from '../open-media.js';
import { refusesTraining } from './signals.js';
import type { SiteRules } from './site-rules.js';
import { robotName, unreachable, type WebAnswer, type WebClient } from './web-client.js';

/** A medium that was fetched into a file of its own, which `release` removes; or the signal by which it is opted out. */
export type Download = { medium: OpenMedia; release(): void } | { optedOut: string };

export interface DownloadOptions {
  maxBytes: number;
  /** From the moment it is asked for, until all of it is there. */
  maxMs: number;
  workDir: string;
  signal: AbortSignal;
}

/** By so many bytes a web page or an archive is told from a medium, whatever the server calls it. */
const tellingBytes = 4096;

/**
 * Fetches a medium, unless its server says that it must not be used for training: then nothing is kept of it.
 * MEDIA_FORBIDDEN, MEDIA_NOT_FOUND, MEDIA_TOO_LARGE, MEDIA_UNSUPPORTED, SOURCE_UNREACHABLE, SOURCE_TOO_SLOW.
 */
export async function download(
  uri: string,
  { client, rules }: { client: WebClient; rules: SiteRules },
  { maxBytes, maxMs, workDir, signal: given }: DownloadOptions,
): Promise<Download> {
  const late = new AbortController();
  const signal = AbortSignal.any([given, late.signal]);
  let timer: NodeJS.Timeout | undefined;
  const onTurn = () => {
    timer ??= setTimeout(() => late.abort(), maxMs);
  };
  try {
    const refused = await rules.refusal(client.allowed(uri));
    if (refused !== undefined) return { optedOut: refused };
    const answer = await client.get(uri, signal, { onTurn });
    try {
      const said = refusesTraining(answer.headers, robotName) ?? (await rules.refusal(answer.url));
      if (said !== undefined) return { optedOut: said };
      checkAnswer(answer, uri, maxBytes);
      return await keep(answer, uri, { maxBytes, workDir, signal });
    } finally {
      answer.body.destroy();
    }
  } catch (thrown) {
    if (late.signal.aborted && !given.aborted)
      throw new VimiError('SOURCE_TOO_SLOW', 'The server took too long', {
        ...{ expected: `all of it within ${maxMs / 1000} s`, where: uri, cause: thrown },
      });
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function checkAnswer({ status, url, headers, body }: WebAnswer, uri: string, maxBytes: number): void {
  const found = `status ${status}`;
  if (status === 404 || status === 410)
    throw new VimiError('MEDIA_NOT_FOUND', 'The server has no such medium', {
      expected: 'status 200',
      found,
      where: uri,
    });
  if (status >= 500 || [408, 425, 429].includes(status)) throw unreachable(url, 'status 200', found);
  if (status !== 200)
    throw new VimiError('MEDIA_FORBIDDEN', 'The server does not give this medium', {
      expected: 'status 200',
      found,
      where: uri,
    });
  const coding = body.headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity')
    throw new VimiError('MEDIA_UNSUPPORTED', 'The server sends something else than was asked for', {
      ...{
        expected: 'the bytes as they are (Accept-Encoding: identity)',
        found: `Content-Encoding: ${coding}`,
        where: uri,
      },
    });
  const lengths = headers.filter(([name]) => name === 'content-length').map(([, value]) => Number(value));
  const length = lengths.at(-1) ?? 0;
  if (length > maxBytes) throw tooLarge(uri, `${length} bytes`, maxBytes);
}

async function keep(
  { url, body }: WebAnswer,
  uri: string,
  { maxBytes, workDir, signal }: Omit<DownloadOptions, 'maxMs'>,
): Promise<{ medium: OpenMedia; release(): void }> {
  const folder = await mkdir(workDir, { recursive: true })
    .then(() => mkdtemp(join(workDir, 'fetched-')))
    .catch((thrown: unknown) => {
      throw asStorageError(thrown);
    });
  const release = () => void rm(folder, { recursive: true, force: true }).catch(() => {});
  const path = join(folder, 'medium');
  const file = createWriteStream(path);
  let isOurs = false;
  file.once('error', () => {
    // What the server's side fails of may end the file, too.
    isOurs = body.errored === null;
  });
  try {
    await pipeline(body, checkedBytes(uri, maxBytes), file, { signal });
    return { medium: await openOwn(path, uri), release };
  } catch (cause) {
    release();
    if (isOurs && !(cause instanceof VimiError)) throw asStorageError(cause);
    if (cause instanceof VimiError || signal.aborted) throw cause;
    throw unreachable(url, 'all bytes that were announced', asVimiError(cause).message, cause);
  }
}

/** Hands bytes on while there are not too many, and while they may be those of a medium. */
function checkedBytes(uri: string, maxBytes: number): Transform {
  let start: Buffer | null = Buffer.alloc(0);
  let length = 0;
  const look = () => {
    const kind = start && otherKind(start);
    start = null;
    if (kind === null || kind === undefined) return null;
    return new VimiError('MEDIA_UNSUPPORTED', 'The server sends no image or video', {
      ...{ expected: 'an image or a video', found: kind, where: uri },
    });
  };
  return new Transform({
    transform(chunk: Buffer, _, done) {
      length += chunk.length;
      if (length > maxBytes) return done(tooLarge(uri, `more than ${maxBytes} bytes`, maxBytes));
      if (start) start = Buffer.concat([start, chunk]);
      const problem = start && start.length >= tellingBytes ? look() : null;
      if (problem) return done(problem);
      done(null, chunk);
    },
    flush(done) {
      const problem = start && start.length > 0 ? look() : null;
      done(problem);
    },
  });
}

function tooLarge(uri: string, found: string, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This medium is too large', {
    ...{ expected: `at most ${most} bytes`, found, where: uri },
  });
}
