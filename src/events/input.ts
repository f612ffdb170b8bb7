import { z } from 'zod';
import { countCharacters } from '../core/cut-text.js';

/*
 * How fields that people and foreign programs write are read. JSON Schema says the same of each: what is left out may be
 * null there as well, since many serialisers write null for what is not set.
 */

/** May be left out; null counts as left out. */
export function leftOut<T extends z.ZodType>(type: T) {
  return z.preprocess((value) => (value === null ? undefined : value), type.optional());
}

/** Text of `least` to `most` characters. A character is a Unicode code point, as in JSON Schema, not a UTF-16 unit. */
export function characters(least: number, most: number) {
  return z
    .string()
    .refine((text) => within(text, least, most), {
      error: least === 0 ? `at most ${most} characters` : `${least} to ${most} characters`,
    })
    .meta({ ...(least > 0 && { minLength: least }), maxLength: most });
}

/** Without counting where the UTF-16 units decide. */
export function within(text: string, least: number, most: number): boolean {
  if (text.length <= most) return text.length >= least && (least < 2 || countCharacters(text) >= least);
  return text.length <= 2 * most && countCharacters(text) <= most;
}

/** A moment with any offset; without one nobody knows when it is. */
export const moment = z.iso.datetime({ offset: true });
