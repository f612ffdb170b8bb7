import { made } from './part.js';
import { picture } from './picture.js';

/**
 * A document as a search found it, in a list.
 * @param {{ document: string, caption: string, ranks?: Record<string, number | undefined>, kind?: string }} found
 * @param {{ motion?: string, actions?: Node[] }} [more] `motion`: what is said of a motion example; `actions`: what can be done with it
 */
export function documentItem(
  { document: id, caption, ranks, kind },
  { motion = 'motion example, ', actions = [] } = {},
) {
  const fit = foundBy(ranks);
  const words = made(
    'div',
    {},
    made('span', { className: 'title', dir: 'auto' }, caption),
    made('span', { className: 'state' }, `${kind === 'clip' ? motion : ''}${fit}`),
    ...actions,
  );
  return made('li', { className: 'document' }, picture(imageOf(id)), words);
}

/** The rankings of a search, as people call them. */
const rankings = [
  ['lexical', 'by words'],
  ['dense', 'by likeness of the caption'],
  ['image', 'by its image'],
];

/**
 * What brought a document into a list: its place in each ranking, where neither a person nor the text itself chose it.
 * @param {Record<string, number | undefined>} [ranks]
 */
function foundBy(ranks = {}) {
  if (ranks.pinned) return 'pinned';
  if (ranks.named) return 'named in the text';
  const places = rankings.flatMap(([name = '', words]) => (ranks[name] ? [`${ordinal(ranks[name])} ${words}`] : []));
  return places.join(', ') || 'chosen';
}

const endings = /** @type {Record<string, string>} */ ({ one: 'st', two: 'nd', few: 'rd', other: 'th' });
const rules = new Intl.PluralRules('en', { type: 'ordinal' });

/** @param {number} n 1: 1st */
function ordinal(n) {
  return `${n}${endings[rules.select(n)]}`;
}

/** @param {string} id */
export function imageOf(id) {
  return `/v1/corpus/documents/${encodeURIComponent(id)}/image`;
}
