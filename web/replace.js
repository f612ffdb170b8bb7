import { read } from './api.js';
import { replace } from './choices.js';
import { documentItem } from './documents.js';
import { foreign } from './foreign.js';
import { made, part, write } from './part.js';

/** @typedef {{ document: string, caption: string, ranks: Record<string, number> }} Found */

const shown = 12;
/** @type {{ document: string, caption: string } | undefined} */
let old;
/** @type {string[]} */
let others = [];
let turn = 0;

/** The dialog that looks for a document in the place of an example. */
export function prepareReplace() {
  part('replace-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
}

/**
 * @param {{ document: string, caption: string }} found the example that goes
 * @param {string[]} among documents that are examples already
 */
export function offerReplacement(found, among) {
  [old, others] = [found, among];
  write(part('replace-what', HTMLElement), `In the place of: ${foreign(found.caption)}`);
  part('replace-query', HTMLInputElement).value = found.caption.slice(0, 4000);
  part('replace', HTMLDialogElement).showModal();
  part('replace-query', HTMLInputElement).select();
  search();
}

async function search() {
  const mine = ++turn;
  const state = part('replace-state', HTMLElement);
  const list = part('replace-list', HTMLOListElement);
  write(state, 'Looking');
  try {
    const query = encodeURIComponent(part('replace-query', HTMLInputElement).value.trim());
    const { data } = await read(`/v1/corpus/documents?k=${shown + others.length}&q=${query}`);
    if (mine !== turn) return;
    const fitting = /** @type {Found[]} */ (data).filter(({ document }) => !others.includes(document)).slice(0, shown);
    write(state, fitting.length > 0 ? 'The nearest documents, best first.' : 'The corpus has no other document.');
    list.replaceChildren(...fitting.map(itemOf));
  } catch (error) {
    if (mine !== turn) return;
    list.replaceChildren();
    write(state, /** @type {Error} */ (error).message);
  }
}

/** @param {Found} found */
function itemOf(found) {
  const take = made('button', { type: 'button', ariaLabel: `Take this one: ${found.caption}` }, 'Take this one');
  take.addEventListener('click', () => {
    part('replace', HTMLDialogElement).close();
    if (old) replace(old, found);
  });
  return documentItem(found, { actions: [made('div', { className: 'actions' }, take)] });
}
