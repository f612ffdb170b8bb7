import { call, Problem } from './api.js';
import { made } from './part.js';

/*
 * Images of the API. They are fetched like everything else, with the API key if there is one, and kept for as long as the page is.
 */

/** @type {Map<string, Promise<string>>} */
const fetched = new Map();
const most = 300;

/**
 * An image of the API. It says nothing itself: its caption stands beside it. Where it is gone, as that of a removed document, a word says so.
 * @param {string} address
 */
export function picture(address) {
  const image = made('img', { alt: '', className: 'picture', width: 72, height: 72 });
  addressOf(address).then(
    (blob) => {
      image.src = blob;
    },
    (error) => {
      const isGone = error instanceof Problem && error.status === 404;
      image.replaceWith(made('span', { className: 'picture gone' }, isGone ? 'gone' : ''));
    },
  );
  return image;
}

/** @param {string} address */
function addressOf(address) {
  let known = fetched.get(address);
  if (!known) {
    known = call(address).then(async (answer) => URL.createObjectURL(await answer.blob()));
    known.catch(() => fetched.delete(address));
    fetched.set(address, known);
    for (const [oldest, blob] of fetched) {
      if (fetched.size <= most) break;
      fetched.delete(oldest);
      blob.then(URL.revokeObjectURL, () => {});
    }
  }
  return known;
}
