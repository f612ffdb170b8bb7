import type { ContextEntry } from '../../../events/prompt.js';

/**
 * One ranking out of several: the best of each in turn, then the second best of each, and so on; what the first ranking
 * says is named comes before all. So a prompt's second subject is found however many documents its first one has. An entry
 * stands where it came first, as the ranking that placed it there describes it.
 */
export function inTurn([first = [], ...others]: readonly (readonly ContextEntry[])[]): ContextEntry[] {
  const placed = new Map<string, ContextEntry>();
  const place = (entry: ContextEntry | undefined) => {
    if (entry && !placed.has(entry.document)) placed.set(entry.document, entry);
  };
  for (const entry of first) if (entry.ranks.named) place(entry);
  const rankings = [first, ...others];
  const longest = Math.max(...rankings.map(({ length }) => length));
  for (let n = 0; n < longest; n++) for (const ranking of rankings) place(ranking[n]);
  return [...placed.values()];
}
