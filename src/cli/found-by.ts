import type { ContextEntry } from '../events/prompt.js';

/** The rankings of a search, as people call them. */
const rankings = [
  ['lexical', 'by words'],
  ['dense', 'by likeness of the caption'],
  ['image', 'by its image'],
] as const;

/** What brought a document into a context, as the page says it: its place in each ranking, where neither a person nor the text itself chose it. */
export function foundBy(ranks: ContextEntry['ranks']): string {
  if (ranks.pinned) return 'pinned';
  if (ranks.named) return 'named in the text';
  const places = rankings.flatMap(([name, words]) => (ranks[name] ? [`${ordinal(ranks[name])} ${words}`] : []));
  return places.join(', ') || 'chosen';
}

const endings: Partial<Record<Intl.LDMLPluralRule, string>> = { one: 'st', two: 'nd', few: 'rd' };
const rules = new Intl.PluralRules('en', { type: 'ordinal' });

/** 1: 1st. */
function ordinal(n: number): string {
  return `${n}${endings[rules.select(n)] ?? 'th'}`;
}
