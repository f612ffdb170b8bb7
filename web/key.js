import { part } from './part.js';

/* The API key of whoever looks at the page. It stays in this tab. */

const place = 'vimi.key';
/** @type {Promise<void> | undefined} */
let asking;

export function keyText() {
  return sessionStorage.getItem(place) ?? '';
}

/**
 * Asks for another key than `refused`, once for all who wait for one.
 * @param {string} refused
 */
export async function forgetKey(refused) {
  if (keyText() !== refused) return;
  asking ??= askForKey().finally(() => {
    asking = undefined;
  });
  await asking;
}

function askForKey() {
  const dialog = part('key', HTMLDialogElement);
  const text = part('key-text', HTMLInputElement);
  text.value = '';
  dialog.showModal();
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const closed = () => {
        if (text.value.trim() === '') return dialog.showModal();
        sessionStorage.setItem(place, text.value.trim());
        dialog.removeEventListener('close', closed);
        resolve();
      };
      dialog.addEventListener('close', closed);
    })
  );
}
