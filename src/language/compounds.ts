import { readFileSync } from 'node:fs';

/** Two-word names of things that are no kind of their last word, and their short names (infra/english-compounds.mjs). */
const compounds = new Map(
  readFileSync(new URL('../../assets/language/english-compounds.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' '))
    .map(([first, head, short]) => [`${first} ${head}`, short ?? null]),
);

/** Whether a thing is a kind of what its last word says: a palm tree is a tree, a hot dog is no dog. */
export function isKindOf(kinds: readonly (readonly string[])[], head: readonly string[]): boolean {
  return !kinds.some((kind) => kind.some((first) => head.some((last) => compounds.has(`${first} ${last}`))));
}

/** A koala bear is called a koala as well; null where there is no such name. */
export function shortName(first: string, head: readonly string[]): string | null {
  return head.map((last) => compounds.get(`${first} ${last}`)).find((short) => short) ?? null;
}
