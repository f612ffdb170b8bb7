import { VimiError } from '../core/errors.js';

/** What the fields of a form say whose names begin alike: values as they came, and names within. */
interface Named {
  values: unknown[];
  within: Map<string, Named>;
}

const nameOfField = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** `references[][role]`: references, '', role. A name without whole brackets is one name. */
function stepsOf(name: string): string[] {
  const [, first, rest] = nameOfField.exec(name) ?? [undefined, name, ''];
  return [first!, ...[...rest!.matchAll(/\[([^[\]]*)\]/g)].map(([, step]) => step!)];
}

/** The name by which a field of a form is known: `retrieval` of `retrieval[k]`. */
export function fieldOf(name: string): string {
  return stepsOf(name)[0]!;
}

/** The innermost name: `pin` of `retrieval[pin][]`. */
export function memberOf(name: string): string {
  return stepsOf(name).findLast((step) => !/^\d*$/.test(step))!;
}

/**
 * Fields as one object. `retrieval[k]` is a member, `retrieval[pin][]` one of a list, and `references[0][role]` or the first
 * `references[][role]` a member of the first in a list. HTTP_MALFORMED where names contradict each other.
 */
export function nested(fields: readonly (readonly [name: string, value: unknown])[]): Record<string, unknown> {
  const all: Named = { values: [], within: new Map() };
  for (const [name, value] of fields) {
    let at = all;
    for (const step of stepsOf(name)) {
      const next = at.within.get(step) ?? { values: [], within: new Map() };
      at.within.set(step, next);
      at = next;
    }
    at.values.push(value);
  }
  return members(all, '', (one, name) => valueAt(one, name));
}

function valueAt({ values, within }: Named, name: string): unknown {
  if (within.size === 0 && values.length === 1) return values[0];
  if (values.length > 0) throw twice(name);
  const inList = within.get('');
  const places = [...within.keys()];
  if (inList && within.size > 1) throw twice(name);
  if (inList) return listOf(inList, `${name}[]`);
  if (!places.every((place) => /^\d+$/.test(place)))
    return members({ values, within }, name, (one, path) => valueAt(one, path));
  return places.map((_, n) => {
    const one = within.get(String(n));
    if (!one) throw apart(name, `${places.map((place) => `${name}[${place}]`).join(', ')}`);
    return valueAt(one, `${name}[${n}]`);
  });
}

/** The n-th value of each name belongs to the n-th of the list, which can only be told where each has all of them. */
function listOf({ values, within }: Named, name: string): unknown[] {
  if (within.size === 0) return values;
  if (values.length > 0) throw twice(name);
  const columns = Object.entries(members({ values, within }, name, listOf)) as [string, unknown[]][];
  const [[, first]] = columns as [[string, unknown[]]];
  if (columns.some(([step, { length }]) => step === '' || length !== first.length))
    throw apart(name, columns.map(([step, { length }]) => `${name}[${step}] ${length} times`).join(', '));
  return first.map((_, n) => Object.fromEntries(columns.map(([step, column]) => [step, column[n]])));
}

function members<T>({ within }: Named, name: string, read: (one: Named, name: string) => T): Record<string, T> {
  return Object.fromEntries(
    [...within].map(([step, one]) => [step, read(one, name === '' ? step : `${name}[${step}]`)]),
  );
}

function twice(name: string): VimiError {
  return new VimiError('HTTP_MALFORMED', 'A field of the form comes twice', { found: name });
}

function apart(name: string, found: string): VimiError {
  const field = fieldOf(name);
  return new VimiError('HTTP_MALFORMED', 'It cannot be told which fields of the form belong together', {
    expected: `the same names in each of ${field}, numbered from 0`,
    found,
    remedy: `Send ${field} as one field whose value is JSON.`,
  });
}
