import { call, send } from './api.js';
import { takeFiles } from './files.js';
import { foreign } from './foreign.js';
import { made, part, write } from './part.js';

/*
 * Offers media to the corpus: files of the user, each with its caption, or one at an address.
 */

/** @typedef {{ file: File, caption: HTMLInputElement, wrong: HTMLElement, item: HTMLLIElement }} Offered */

export function prepareOffer() {
  const around = part('offer', HTMLDetailsElement);
  const form = part('offer-form', HTMLFormElement);
  const uri = part('uri', HTMLInputElement);
  const caption = part('caption', HTMLInputElement);
  const field = part('offer-files', HTMLInputElement);
  const list = part('offer-list', HTMLUListElement);
  const told = part('offer-told', HTMLElement);
  const button = part('offer-button', HTMLButtonElement);
  /** @type {Set<Offered>} */
  const offered = new Set();

  /** Files take the place of an address. */
  const changed = () => {
    const hasFiles = offered.size > 0;
    part('offer-address', HTMLElement).hidden = hasFiles;
    uri.disabled = hasFiles;
    caption.disabled = hasFiles;
    write(button, hasFiles ? `Add ${offered.size === 1 ? 'the file' : `${offered.size} files`}` : 'Add it');
  };
  /** @param {Offered} one */
  const forget = (one) => {
    offered.delete(one);
    one.item.remove();
    changed();
  };
  /** @param {File} file */
  const add = (file) => {
    const name = file.name || 'a file';
    const own = made('input', { maxLength: 4000, ariaLabel: `Caption of ${name}`, placeholder: 'Caption' });
    const wrong = made('p', { className: 'wrong', hidden: true });
    const remove = made('button', { type: 'button', ariaLabel: `Leave out ${name}` }, 'Leave out');
    const head = made('div', { className: 'file' }, made('span', { className: 'title', dir: 'auto' }, name), remove);
    const one = { file, caption: own, wrong, item: made('li', {}, head, own, wrong) };
    remove.addEventListener('click', () => {
      forget(one);
      field.focus();
    });
    offered.add(one);
    list.append(one.item);
  };
  takeFiles(around, field, (files) => {
    for (const file of files) add(file);
    if (files.length > 0) around.open = true;
    changed();
  });
  /** @param {string} className @param {string} text */
  const tell = (className, text) => {
    told.className = className;
    write(told, text);
    told.hidden = false;
  };
  const uploadAll = async () => {
    const all = [...offered];
    let done = 0;
    for (const [n, one] of all.entries()) {
      tell('hint', `Uploading ${foreign(one.file.name)} (${n + 1} of ${all.length})`);
      one.wrong.hidden = true;
      try {
        await call('/v1/media', { method: 'POST', body: formOf(form, one) });
        done++;
        forget(one);
      } catch (error) {
        write(one.wrong, /** @type {Error} */ (error).message);
        one.wrong.hidden = false;
      }
    }
    if (done === all.length) form.reset();
    const what = all.length === 1 ? foreign(all[0]?.file.name ?? '') : `${done} of ${all.length} files`;
    if (done === 0) tell('wrong', all.length === 1 ? `${what} was not taken.` : 'None of the files was taken.');
    else tell('hint', `${what} ${done === 1 && all.length === 1 ? 'is' : 'are'} offered. ${later}`);
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    told.hidden = true;
    button.disabled = true;
    try {
      if (offered.size > 0) await uploadAll();
      else {
        const { uri } = await send('/v1/media', Object.fromEntries(valuesOf(form)));
        form.reset();
        tell('hint', `${foreign(uri)} is offered. ${later}`);
      }
    } catch (error) {
      tell('wrong', /** @type {Error} */ (error).message);
    } finally {
      button.disabled = false;
    }
  });
}

const later = 'A running pipeline takes it up; the list of rejects says why, if it does not.';

/**
 * What was filled in.
 * @param {HTMLFormElement} form
 * @returns {[string, string][]}
 */
function valuesOf(form) {
  return [...new FormData(form)].flatMap(([name, value]) => {
    const text = typeof value === 'string' ? value.trim() : '';
    return text ? [/** @type {[string, string]} */ ([name, text])] : [];
  });
}

/**
 * @param {HTMLFormElement} form
 * @param {Offered} offered
 */
function formOf(form, { file, caption }) {
  const parts = new FormData();
  for (const [name, text] of valuesOf(form)) parts.append(name, text);
  if (caption.value.trim()) parts.append('caption', caption.value.trim());
  parts.append('file', file);
  return parts;
}
