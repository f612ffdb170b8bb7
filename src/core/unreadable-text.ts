import { VimiError } from './errors.js';

/**
 * What no text has, as a reader would name it: half of a surrogate pair, which no file can hold, or a control character that breaks neither
 * lines nor columns. undefined: there is none.
 */
export function unreadableIn(text: string): string | undefined {
  if (/\p{Surrogate}/u.test(text)) return 'half of a surrogate pair';
  const control = /(?![\t\n\v\f\r\u0085])\p{Control}/u.exec(text)?.[0];
  if (control === undefined) return undefined;
  return `the control character U+${control.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** EVENT_INVALID for a text of an event that has such a character; `message` says of what it is. */
export function checkReadable(text: string, where: string, message: string): void {
  const found = unreadableIn(text);
  if (found === undefined) return;
  const expected = 'text without control characters, apart from tabs and line breaks';
  throw new VimiError('EVENT_INVALID', message, { expected, found, where });
}
