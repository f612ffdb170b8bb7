import type { Mistakes } from './mistake.js';
import { quote } from './mistake.js';
import { reportOldName } from './old-names.js';
import { type Placed, type PlacedEntry, type PlacedMap, shown } from './source.js';

/** Of what the team names. */
export const nameRule = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;

/** The entries of a map whose keys are names that the team chose. */
export function namedEntries(node: Placed, kind: string, mistakes: Mistakes): PlacedEntry[] {
  if (node.kind !== 'map') {
    mistakes.add('value', node.place, `expected a map of ${kind}s by name, found ${shown(node)}`);
    return [];
  }
  const entries = [...node.entries.values()];
  for (const { name, place } of entries)
    if (!nameRule.test(name))
      mistakes.add(
        'value',
        place,
        `the name of a ${kind} is a letter, then at most 62 letters, digits, dots, dashes or underscores: found ${quote(name)}`,
        { found: name },
      );
  return entries;
}

/** A map with a fixed set of keys; others are reported. undefined: it is no map. */
export function fixedMap(
  node: Placed,
  what: string,
  known: readonly string[],
  mistakes: Mistakes,
): PlacedMap | undefined {
  if (node.kind !== 'map') {
    mistakes.add('value', node.place, `${what}: expected a map of ${known.join(', ')}, found ${shown(node)}`);
    return undefined;
  }
  for (const { name, place } of node.entries.values())
    if (!known.includes(name) && !reportOldName(what, name, place, mistakes))
      mistakes.addUnknown('key', name, place, known);
  return node;
}
