import { VimiError } from '../../core/errors.js';

/** One line or row of a manifest. */
export interface ManifestRow {
  /** The line, or the row counted from 1. */
  place: number;
  cells: Record<string, unknown>;
  /** How much of the manifest was read, from 0 to 1. */
  share: number;
  /** Why it cannot be read; then there are no cells. */
  mistake?: string;
}

/** The rows of a manifest, one by one; MANIFEST_UNREADABLE where nothing more can be read of it. */
export type Rows = (path: string) => AsyncIterable<ManifestRow>;

/** Of a line or a row; what is longer ends the reading. */
export const mostRowBytes = 4 * 1024 ** 2;

export function unreadable(path: string, expected: string, cause: unknown): VimiError {
  if (cause instanceof VimiError) return cause;
  const found = cause instanceof Error ? cause.message : String(cause);
  return new VimiError('MANIFEST_UNREADABLE', 'A manifest cannot be read', { expected, found, where: path, cause });
}

/**
 * MANIFEST_UNREADABLE when a table has none of the columns that say where a medium is, whatever the case of their names; `all`: the
 * names of its columns, of which `usable` may be those.
 */
export function needed(path: string, address: readonly string[], usable: readonly string[], all = usable): void {
  if (usable.some((name) => address.includes(name.toLowerCase()))) return;
  const shown = all.slice(0, mostShown).join(', ');
  throw new VimiError('MANIFEST_UNREADABLE', 'A manifest does not say where its media are', {
    expected: `a column of texts with the name ${address.slice(0, -1).join(', ')} or ${address.at(-1)}`,
    found: all.length > mostShown ? `${shown} and ${all.length - mostShown} more` : shown || 'no columns',
    where: path,
  });
}

const mostShown = 20;
