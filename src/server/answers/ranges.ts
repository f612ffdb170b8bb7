import type { ByteRange } from '../../stores/objects/object-store.js';

/**
 * The bytes that a Range header (RFC 9110, 14) asks for. undefined: the whole, since there is no such header, it is none
 * that is understood, it asks for several parts, or If-Range names other bytes. 'none': no such bytes.
 */
export function rangeOf(
  header: string | undefined,
  ifRange: string | undefined,
  { size, etag }: { size: number; etag: string },
): ByteRange | 'none' | undefined {
  if (header === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header) ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'none' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (start >= size) return 'none';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
