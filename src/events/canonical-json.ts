import { VimiError } from '../core/errors.js';

const deepest = 256;

/**
 * A number that is a measure, also where it happens to be whole: written 25.0. Readers that give columns a type by their
 * first values (Arrow) take 25 for an integer, and read 29.97 as 29 after it.
 */
export class Float {
  constructor(readonly value: number) {}
}

/**
 * The one way to write a value as JSON, so that equal values are equal bytes: keys sorted by UTF-16 code unit, no
 * spaces, numbers as JavaScript writes them (RFC 8785), a Float never as an integer. Undefined fields are left out. What JSON cannot say faithfully
 * (NaN, infinities, class instances, undefined in a list, more than 256 levels) is refused with INTERNAL.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '', 0);
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > deepest) throw unwritable(`more than ${deepest} levels`, path);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw unwritable(String(value), path);
    return JSON.stringify(value);
  }
  if (value instanceof Float) {
    const written = write(value.value, path, depth);
    return /^-?\d+$/.test(written) ? `${written}.0` : written;
  }
  if (Array.isArray(value))
    return `[${Array.from(value, (entry, index) => write(entry, `${path}.${index}`, depth + 1)).join(',')}]`;
  if (typeof value !== 'object' || !isPlain(value))
    throw unwritable(typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value, path);
  const fields = value as Record<string, unknown>;
  const written = Object.keys(fields)
    .filter((key) => fields[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(fields[key], `${path}.${key}`, depth + 1)}`);
  return `{${written.join(',')}}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function unwritable(found: string, path: string): VimiError {
  return new VimiError('INTERNAL', 'This cannot be written as canonical JSON', {
    expected: 'plain objects, lists, text, finite numbers, true, false, null',
    found,
    where: path.slice(1) || 'the value itself',
  });
}
