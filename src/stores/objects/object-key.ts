import { VimiError } from '../../core/errors.js';

/**
 * Checks a key or, with `prefix`, the beginning of one. OBJECT_KEY_INVALID unless it is relative, at most 1,024 bytes,
 * of segments of [A-Za-z0-9._-] that are neither empty nor `.` nor `..` and at most 200 bytes long (file systems end at
 * 255, and names here get endings). `.store` as the first segment is kept for stores themselves.
 */
export function checkObjectKey(key: string, { prefix = false } = {}): void {
  if (prefix && key === '') return;
  const segments = key.split('/');
  const last = segments.length - 1;
  const fine =
    key.length <= 1024 &&
    segments[0] !== '.store' &&
    segments.every((segment, n) => (prefix && n === last && segment === '') || isKeySegment(segment));
  if (!fine)
    throw new VimiError('OBJECT_KEY_INVALID', 'An object key breaks the rules', {
      expected: 'segments of letters, digits, dot, dash and underscore, joined by slashes',
      found: JSON.stringify(key),
    });
}

export function isKeySegment(segment: string): boolean {
  return /^[A-Za-z0-9._-]{1,200}$/.test(segment) && segment !== '.' && segment !== '..';
}

/** The key of what belongs to an object: its own with another ending. */
export function besideKey(key: string, ending: string): string {
  return key.replace(/\.[^./]*$/, '') + ending;
}
