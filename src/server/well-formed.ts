import { VimiError } from '../core/errors.js';
import { describeValue } from '../events/mistakes.js';

/** JSON may name half a surrogate pair in no other way than this. */
const escaped = /\\u[dD][89a-fA-F]/;

/**
 * What this JSON says, if every text in it can be written as UTF-8. Half a surrogate pair cannot: it would become a sign for
 * something unreadable, and nobody would notice before the video. HTTP_MALFORMED.
 */
export function wellFormed<T>(value: T, json: string): T {
  if (escaped.test(json))
    JSON.stringify(value, (name, member) => {
      const half = [name, member].find((text) => typeof text === 'string' && !text.isWellFormed());
      if (half === undefined) return member;
      throw new VimiError('HTTP_MALFORMED', 'A text in this JSON is not Unicode', {
        expected: 'surrogates in pairs, such as \\ud83e\\udd8a',
        found: describeValue(half),
      });
    });
  return value;
}
