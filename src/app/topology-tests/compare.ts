import type { Place } from '../../streams/topology/mistake.js';
import { type Placed, plain } from '../../streams/topology/source.js';

/** One thing that did not come out as a test expects. */
export interface Difference extends Place {
  /** `outputs.videos[0].frames` */
  path: string;
  /** JSON, or words. */
  expected: string;
  got: string;
}

/**
 * What `got` lacks of `expected`: every key of a map must be there with its value, and a map may have more; a list has as
 * many items, in that order. Empty: it fits.
 */
export function differences(expected: Placed, got: unknown, path: string): Difference[] {
  if (expected.kind === 'map') {
    if (!isMap(got)) return [difference(expected, got, path)];
    return [...expected.entries.values()].flatMap(({ name, place, value }) => {
      const at = path === '' ? name : `${path}.${name}`;
      if (Object.hasOwn(got, name) || isNothing(value)) return differences(value, got[name], at);
      return [{ ...place, path: at, expected: written(plain(value)), got: 'no such field' }];
    });
  }
  if (expected.kind === 'list') {
    if (!Array.isArray(got) || got.length !== expected.items.length) return [difference(expected, got, path)];
    return expected.items.flatMap((item, n) => differences(item, got[n], `${path}[${n}]`));
  }
  return plain(expected) === (got ?? null) ? [] : [difference(expected, got, path)];
}

/**
 * The same for events that come in any order: each that is expected takes one that fits it. Those that are left are
 * compared in their order, so that it is seen what is wrong with them.
 */
export function differencesOfAll(expected: Placed[], got: unknown[], path: string, place: Place): Difference[] {
  const left = new Set(got);
  const unmet = expected.flatMap((item, n) => {
    const fitting = [...left].find((one) => differences(item, one, '').length === 0);
    if (fitting !== undefined && left.delete(fitting)) return [];
    return [{ item, n }];
  });
  const others = [...left];
  return [
    ...unmet.flatMap(({ item, n }, nth) => {
      const other = others[nth];
      const at = `${path}[${n}]`;
      if (other !== undefined) return differences(item, other, at);
      return [{ ...item.place, path: at, expected: written(plain(item)), got: 'no more events' }];
    }),
    ...others.slice(unmet.length).map((one) => ({
      ...{ line: place.line, column: place.column },
      ...{
        path,
        expected: `${expected.length} ${expected.length === 1 ? 'event' : 'events'}`,
        got: `one more: ${written(one)}`,
      },
    })),
  ];
}

function difference({ place, ...expected }: Placed, got: unknown, path: string): Difference {
  const { line, column } = place;
  return { line, column, path, expected: written(plain({ place, ...expected } as Placed)), got: written(got) };
}

const longest = 400;

/** A value on one line of at most 400 characters. */
export function written(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}

function isNothing(node: Placed): boolean {
  return node.kind === 'scalar' && node.value === null;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
