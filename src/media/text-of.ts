import { isUtf8 } from 'node:buffer';
import { VimiError } from '../core/errors.js';
import { unreadableIn } from '../core/unreadable-text.js';

/**
 * The text that the bytes of a file are: UTF-8, or UTF-16 with or without a byte order mark. CAPTION_UNREADABLE for every
 * other encoding, rather than wrong letters, and for text with control characters.
 */
export function textOf(bytes: Uint8Array, where: string): string {
  let text: string;
  try {
    text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable('bytes of another encoding', where, cause);
  }
  checkText(text, where);
  return text;
}

/** CAPTION_UNREADABLE for half a surrogate pair, and for control characters. */
export function checkText(text: string, where: string): void {
  const found = unreadableIn(text);
  if (found !== undefined) throw unreadable(found, where);
}

function encodingOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (bytes.length % 2 !== 0) return 'utf-8';
  // Letters, spaces and marks of most scripts have a zero on one side, and zeros are in no other text.
  const zeros = [0, 0];
  const start = bytes.subarray(0, 1024);
  for (const [n, byte] of start.entries()) if (byte === 0) zeros[n % 2]!++;
  // What would be UTF-8 but for its zeros is UTF-16 of ASCII, where every second byte is one, or it is damaged.
  const some = start.length / (isUtf8(bytes) && !start.some(isOtherControl) ? 4 : 16);
  if (zeros[1]! > some && zeros[0] === 0) return 'utf-16le';
  if (zeros[0]! > some && zeros[1] === 0) return 'utf-16be';
  return 'utf-8';
}

/** Of UTF-16 the upper half of many alphabets. */
function isOtherControl(byte: number): boolean {
  return (byte > 0 && byte < 9) || (byte > 13 && byte < 32);
}

function unreadable(found: string, where: string, cause?: unknown): VimiError {
  return new VimiError('CAPTION_UNREADABLE', 'The text of a medium cannot be read', {
    expected: 'UTF-8 or UTF-16, without control characters',
    found,
    where,
    cause,
  });
}
