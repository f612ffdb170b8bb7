import { made } from './part.js';
import { picture } from './picture.js';

/**
 * A document as a search found it, in a list.
 * @param {{ document: string, caption: string, score: number, ranks?: Record<string, number | undefined>, kind?: string }} found
 * @param {{ motion?: string, actions?: Node[] }} [more] `motion`: what is said of a motion example; `actions`: what can be done with it
 */
export function documentItem(
  { document: id, caption, score, ranks, kind },
  { motion = 'motion example, ', actions = [] } = {},
) {
  const fit = ranks?.pinned ? 'pinned' : `score ${score.toFixed(3)}`;
  const words = made(
    'div',
    {},
    made('span', { className: 'title', dir: 'auto' }, caption),
    made('span', { className: 'state' }, `${kind === 'clip' ? motion : ''}${fit}`),
    ...actions,
  );
  return made('li', { className: 'document' }, picture(imageOf(id)), words);
}

/** @param {string} id */
export function imageOf(id) {
  return `/v1/corpus/documents/${encodeURIComponent(id)}/image`;
}
