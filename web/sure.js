import { part, write } from './part.js';

/**
 * Asks before something is done. Escape is no.
 * @param {{ title: string, what: string, hint: string, yes: string, no: string }} question
 * @returns {Promise<boolean>}
 */
export function isSure({ title, what, hint, yes, no }) {
  const dialog = part('sure', HTMLDialogElement);
  for (const [id, text] of [
    ['sure-title', title],
    ['sure-what', what],
    ['sure-hint', hint],
    ['sure-yes', yes],
    ['sure-no', no],
  ])
    write(part(String(id), HTMLElement), String(text));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }),
  );
}
