import type { Place } from './mistake.js';
import { isSecret, withoutUserInfo } from './secrets.js';
import type { Placed } from './source.js';

/** Where a value comes from: the file or `--set`, there by a variable or a file of its own; or nowhere, so that the default counts. */
export type Origin = { kind: 'default' } | { kind: 'written'; place: Place; variable?: string };

/** What takes effect: maps and lists of values, each with its origin. What comes from the environment stands by its name. */
export type Effective =
  | { kind: 'value'; value: unknown; origin: Origin }
  | EffectiveMap
  | { kind: 'list'; items: Effective[] };

export interface EffectiveMap {
  kind: 'map';
  entries: Map<string, Effective>;
}

/** `checked`: with its defaults; `node`: what the file says of it, which is shown as it is written there. */
export function effective(checked: unknown, node: Placed | undefined): Effective {
  if (node?.kind === 'list') {
    const items = Array.isArray(checked) && checked.length === node.items.length ? checked : [];
    return { kind: 'list', items: node.items.map((item, index) => effective(items[index], item)) };
  }
  const isEmpty = node?.kind === 'scalar' && node.value === null && !node.variables;
  if (node?.kind === 'map' || (isMap(checked) && (!node || isEmpty))) {
    const [written, known] = [node?.kind === 'map' ? node.entries : new Map(), isMap(checked) ? checked : {}];
    const entries = new Map<string, Effective>();
    for (const name of new Set([...written.keys(), ...Object.keys(known)]))
      if (written.has(name) || known[name] !== undefined)
        entries.set(name, concealed(name, effective(known[name], written.get(name)?.value)));
    return { kind: 'map', entries };
  }
  if (!node) return { kind: 'value', value: checked, origin: { kind: 'default' } };
  const { variables, value, place } = node;
  return {
    kind: 'value',
    value: variables ? variables.written : typeof value === 'string' ? withoutUserInfo(value) : value,
    origin: { kind: 'written', place, ...(variables && { variable: variables.written }) },
  };
}

/** As if a variable of its name had it. */
function concealed(name: string, one: Effective): Effective {
  const isPlain = one.kind === 'value' && one.origin.kind === 'written' && one.origin.variable === undefined;
  return isPlain && isSecret(name) ? { ...one, value: `\${${name.toUpperCase()}}` } : one;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Without the origins. */
export function plainOf(one: Effective): unknown {
  if (one.kind === 'value') return one.value;
  if (one.kind === 'list') return one.items.map(plainOf);
  return Object.fromEntries([...one.entries].map(([name, value]) => [name, plainOf(value)]));
}
