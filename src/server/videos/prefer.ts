import { isUtf8 } from 'node:buffer';
import { VimiError } from '../../core/errors.js';

/** Seconds that an answer is held back at most: many proxies end what says nothing for 60, and this one takes a moment itself. */
export const longestWait = 55;

/** `Prefer: wait=10` (RFC 7240): seconds that the caller would wait for the end; 0 where it says nothing of the kind. */
export function waitOf(prefer: string | string[] | undefined): number {
  const [, wanted] = /(?:^|[,;])\s*wait\s*=\s*"?(\d+)"?\s*(?:$|[,;])/i.exec([prefer ?? []].flat().join(',')) ?? [];
  return Math.min(Number(wanted ?? 0), longestWait);
}

/**
 * The value of Idempotency-Key: a quoted string, as the draft has it, or plain text. undefined: there is none. HTTP_MALFORMED for one
 * that is empty, or that has control characters: it becomes the id of an event.
 */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  // Node reads headers byte by byte; the draft has ASCII alone, and whoever sends more sends UTF-8.
  const bytes = Buffer.from(header, 'latin1');
  const text = (isUtf8(bytes) ? bytes.toString() : header).trim();
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text);
  const key = quoted ? quoted[1]!.replace(/\\(["\\])/g, '$1') : text;
  if (key.trim() !== '' && !/\p{Cc}/u.test(key)) return key;
  throw new VimiError('HTTP_MALFORMED', 'This is no key', {
    ...{ expected: 'printable text that is not empty', found: text, where: 'Idempotency-Key' },
    remedy: 'Give each request a key of its own, or leave the header out.',
  });
}
