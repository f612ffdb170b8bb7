import { send } from './api.js';
import { choose, isPinned } from './choices.js';
import { documentItem } from './documents.js';
import { made, part, write } from './part.js';
import { addDocument, askedReferences } from './references.js';
import { offerReplacement } from './replace.js';

/** @typedef {{ document: string, caption: string, ranks: Record<string, number> }} Found */

/** Of looks: only the newest is shown. */
let looks = 0;

/**
 * Shows what a request would be grounded in, before anything is drawn.
 * @param {{ prompt: string, retrieval?: import('./ask.js').Retrieval }} request
 */
export async function showExamples(request) {
  looks += 1;
  const look = looks;
  const told = part('examples-state', HTMLElement);
  part('examples', HTMLElement).hidden = false;
  write(told, 'Looking');
  const { context, corpus } = await send('/v1/context', request);
  if (look !== looks) return;
  const who = askedReferences().asked.length > 0 ? 'For the words alone, the model' : 'The model';
  const size = `The corpus has ${corpus.documents} ${corpus.documents === 1 ? 'document' : 'documents'}.`;
  write(told, context.length > 0 ? `${who} would see these examples. ${size}` : `${who} would see no example. ${size}`);
  const among = /** @type {Found[]} */ (context).map(({ document }) => document);
  list(context.map((/** @type {Found} */ found) => exampleItem(found, among)));
}

/**
 * @param {Found} found
 * @param {string[]} among all examples
 */
function exampleItem(found, among) {
  const button = (/** @type {string} */ text, /** @type {() => void} */ act) => {
    const one = made('button', { type: 'button', ariaLabel: `${text}: ${found.caption}` }, text);
    one.addEventListener('click', act);
    return one;
  };
  const actions = made(
    'div',
    { className: 'actions' },
    button('Use this image', () => addDocument(found)),
    ...(isPinned(found.document) ? [] : [button('Pin', () => choose(found, 'pin'))]),
    button('Leave out', () => choose(found, 'exclude')),
    button('Replace', () => offerReplacement(found, among)),
  );
  return documentItem(found, { actions: [actions] });
}

/**
 * Lists items in the place of others. Whoever was within one of those is then within the one in its place.
 * @param {HTMLLIElement[]} items
 */
function list(items) {
  const all = part('examples-list', HTMLOListElement);
  const at = [...all.children].findIndex((item) => item.contains(document.activeElement));
  all.replaceChildren(...items);
  if (at < 0) return;
  const next = items[Math.min(at, items.length - 1)]?.querySelector('button') ?? part('see', HTMLButtonElement);
  next.focus({ preventScroll: true });
}

export function areExamplesShown() {
  return !part('examples', HTMLElement).hidden;
}

export function hideExamples() {
  looks += 1;
  part('examples', HTMLElement).hidden = true;
}
