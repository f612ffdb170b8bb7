import type { Surroundings } from './environment.js';
import { type Mistakes, quote } from './mistake.js';
import { type Placed, type PlacedMap, readSource } from './source.js';

/**
 * Puts values in the place of those of the file: `PATH=VALUE`, the value in YAML. The names of a path have dots between them;
 * in a list, a number counts from 0, and a name is that of the first step so called:
 * `segments.ground.retrieve.k`, `pipelines.generate.max_in_flight`. What is not there yet is added. A mistake that such a
 * value makes is told of `--set PATH`.
 */
export function setValues(
  root: PlacedMap,
  settings: readonly string[],
  around: Surroundings,
  mistakes: Mistakes,
): void {
  for (const setting of settings) {
    const at = setting.indexOf('=');
    const path = at < 0 ? setting : setting.slice(0, at);
    const file = `--set ${path}`;
    const wrong = (message: string) => void mistakes.add('set', { line: 1, column: 1, file }, message);
    if (at <= 0) wrong(`expected PATH=VALUE, such as pipelines.generate.max_in_flight=8, found ${quote(setting)}`);
    else if (path.split('.').some((name) => name === '')) wrong('a path is names with dots between them');
    else {
      const value = readSource(setting.slice(at + 1), around, mistakes, file);
      if (value) setAt(root, path, value, wrong);
    }
  }
}

function setAt(map: PlacedMap, path: string, value: Placed, wrong: (message: string) => void): void {
  const [name, rest] = split(map, path);
  const entry = map.entries.get(name);
  if (rest === undefined) {
    map.entries.set(name, { name, place: value.place, value });
    return;
  }
  const below = entry?.value;
  if (below?.kind === 'list') {
    setInList(below.items, name, rest, value, wrong);
    return;
  }
  if (below && below.kind !== 'map' && below.value !== null) {
    wrong(`${quote(name)} is no map, so it has no ${quote(rest)}`);
    return;
  }
  const next: PlacedMap = below?.kind === 'map' ? below : { kind: 'map', place: value.place, entries: new Map() };
  map.entries.set(name, { name, place: entry?.place ?? value.place, value: next });
  setAt(next, rest, value, wrong);
}

/** The first name of a path, and the rest: names of a map may have dots themselves, so the longest that is there counts. */
function split(map: PlacedMap, path: string): [name: string, rest?: string] {
  const known = [...map.entries.keys()].filter((name) => path === name || path.startsWith(`${name}.`));
  const name = known.sort((a, b) => b.length - a.length)[0] ?? path.split('.', 1)[0]!;
  return name.length === path.length ? [name] : [name, path.slice(name.length + 1)];
}

function setInList(items: Placed[], list: string, path: string, value: Placed, wrong: (message: string) => void): void {
  const [name, ...more] = path.split('.') as [string, ...string[]];
  const index = /^\d{1,4}$/.test(name) ? Number(name) : items.findIndex((item) => stepName(item) === name);
  const item = items[index];
  if (!item) {
    const names = items.flatMap((one) => stepName(one) ?? []);
    wrong(
      `${quote(list)} has no ${quote(name)}: expected a number below ${items.length}${names.length > 0 ? `, or ${names.map(quote).join(', ')}` : ''}`,
    );
    return;
  }
  if (more.length === 0) {
    items[index] = value;
    return;
  }
  // A step without settings is written as its name alone.
  const map = item.kind === 'map' ? item : undefined;
  const bare = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined;
  if (!map && bare === undefined) {
    wrong(`${quote(name)} of ${quote(list)} is no map, so it has no ${quote(more.join('.'))}`);
    return;
  }
  const opened: PlacedMap = map ?? {
    kind: 'map',
    place: item.place,
    entries: new Map([
      [bare!, { name: bare!, place: item.place, value: { kind: 'map', place: value.place, entries: new Map() } }],
    ]),
  };
  items[index] = opened;
  const within = opened.entries.size === 1 && opened.entries.has(name) ? `${name}.${more.join('.')}` : more.join('.');
  setAt(opened, within, value, wrong);
}

/** What a list calls this item: the name of the step, or of the segment or file that it uses. */
function stepName(item: Placed): string | undefined {
  if (item.kind === 'list') return undefined;
  if (item.kind === 'scalar') return typeof item.value === 'string' && !item.variables ? item.value : undefined;
  const use = item.entries.get('use')?.value;
  if (use) return stepName(use);
  return item.entries.size === 1 ? [...item.entries.keys()][0] : undefined;
}
