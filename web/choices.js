import { imageOf } from './documents.js';
import { made, part, write } from './part.js';
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
  const wrong = made('p', { className: 'wrong', id: `choice-${id}-wrong`, hidden: true });
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
      wrong,
      made('div', { className: 'actions' }, button),
    ),
  );
  item.dataset.document = id;
  button.setAttribute('aria-describedby', wrong.id);
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
 * Says at each document why the server does not take it. Gives whether it was one of these.
 * @param {import('./api.js').Mistake[]} mistakes
 */
export function tellRefused(mistakes) {
  const list = part('choices', HTMLUListElement);
  for (const wrong of list.querySelectorAll('.wrong')) /** @type {HTMLElement} */ (wrong).hidden = true;
  /** @type {HTMLElement | undefined} */
  let first;
  for (const { pointer, detail } of mistakes) {
    const [, choice, n] = /^\/retrieval\/(pin|exclude)\/(\d+)$/.exec(pointer) ?? [];
    const id = n === undefined ? undefined : askedChoices()?.[/** @type {Choice} */ (choice)]?.[Number(n)];
    const item = id && list.querySelector(`[data-document="${CSS.escape(id)}"]`);
    if (!item) continue;
    const wrong = part(`choice-${id}-wrong`, HTMLElement);
    const isGone = /, which (was removed|it does not have)$/.test(detail);
    write(
      wrong,
      isGone ? 'It is not in the corpus any more.' : `It cannot be used: ${detail.replaceAll(id, 'this one')}.`,
    );
    wrong.hidden = false;
    first ??= item.querySelector('button') ?? undefined;
  }
  first?.focus();
  return first !== undefined;
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
