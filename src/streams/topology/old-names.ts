import type { Mistakes, Place } from './mistake.js';
import { quote } from './mistake.js';

/**
 * Keys of topology.yaml that have another name today. `of` is the part that has the key, as messages name it, without the
 * name that the team chose: `this file`, `pipeline`, `topic`, `profile`, or with it `step 'filter'`. CHANGELOG.md has the
 * same table for people.
 */
const oldNames: readonly { of: string; old: string; now: string }[] = [
  { of: 'pipeline', old: 'window', now: 'max_in_flight' },
];

/** Reports a key by its new name. False: it is not an old one. `what`: the part, such as `pipeline 'generate'`. */
export function reportOldName(what: string, key: string, place: Place, mistakes: Mistakes): boolean {
  const part = what.replace(/ '.*$/, '');
  const known = oldNames.find(({ of, old }) => old === key && (of === what || of === part));
  if (!known) return false;
  mistakes.add('old-name', place, `${what}: ${quote(key)} is now called ${quote(known.now)}`, {
    found: key,
    suggestion: known.now,
  });
  return true;
}
