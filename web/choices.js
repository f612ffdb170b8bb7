import { imageOf } from './documents.js';
import { made, part } from './part.js';
import { picture } from './picture.js';

/*
 * Documents of the corpus that the user wants among the examples, and those that are not to be there.
 */

/** @typedef {{ document: string, caption: string }} Found */
/** @typedef {'pin' | 'exclude'} Choice */

/** By the document, in the order in which they were chosen. @type {Map<string, Choice>} */
const choices = new Map();

let onChange = () => {};

/** @param {() => void} changed called after each choice */
export function prepareChoices(changed) {
  onChange = changed;
}

/** @param {string} document */
export function isPinned(document) {
  return choices.get(document) === 'pin';
}

/** @type {Record<Choice, { state: string, undo: string }>} */
const words = {
  pin: { state: 'pinned: comes first', undo: 'Do not pin' },
  exclude: { state: 'left out', undo: 'Do not leave out' },
};

/**
 * Puts a document in the place of another one: that is left out, and this one pinned.
 * @param {Found} old
 * @param {Found} found
 */
export function replace(old, found) {
  note(old, 'exclude');
  choose(found, 'pin');
}

/**
 * @param {Found} found
 * @param {Choice} choice
 */
export function choose(found, choice) {
  note(found, choice);
  onChange();
}

/**
 * @param {Found} found
 * @param {Choice} choice
 */
function note({ document: id, caption }, choice) {
  const list = part('choices', HTMLUListElement);
  list.querySelector(`[data-document="${CSS.escape(id)}"]`)?.remove();
  // A document that is chosen anew is the last one.
  choices.delete(id);
  choices.set(id, choice);
  const { state, undo } = words[choice];
  const button = made('button', { type: 'button', ariaLabel: `${undo}: ${caption}` }, undo);
  const item = made(
    'li',
    { className: 'document' },
    picture(imageOf(id)),
    made(
      'div',
      {},
      made('span', { className: 'title', dir: 'auto' }, caption),
      made('span', { className: 'state' }, state),
      made('div', { className: 'actions' }, button),
    ),
  );
  item.dataset.document = id;
  button.addEventListener('click', () => {
    choices.delete(id);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    (next?.querySelector('button') ?? part('see', HTMLButtonElement)).focus();
    onChange();
  });
  list.append(item);
}

/**
 * As the API takes them.
 * @returns {{ pin?: string[], exclude?: string[] } | undefined} undefined: nothing was chosen
 */
export function askedChoices() {
  const of = (/** @type {Choice} */ wanted) =>
    [...choices].filter(([, choice]) => choice === wanted).map(([document]) => document);
  const [pin, exclude] = [of('pin'), of('exclude')];
  if (choices.size === 0) return undefined;
  return { ...(pin.length > 0 && { pin }), ...(exclude.length > 0 && { exclude }) };
}
