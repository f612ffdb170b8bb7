import { imageOf } from './documents.js';
import { takeFiles } from './files.js';
import { foreign } from './foreign.js';
import { made, part } from './part.js';
import { picture } from './picture.js';

/*
 * Images that go with a prompt: files of the user, documents of the corpus, and last frames of videos. Each has a role.
 */

/** @typedef {{ file?: File, document?: string, video?: string, image?: string, name: string, role: string }} Reference */

/** @type {[string, string][]} */
const roles = [
  ['subject', 'the subject'],
  ['background', 'the background'],
  ['first_frame', 'the first frame'],
];

/** @type {Reference[]} */
const references = [];

/**
 * Offers a choice of files, and takes what is dropped or pasted.
 * @param {HTMLFormElement} form
 */
export function prepareReferences(form) {
  takeFiles(form, part('images', HTMLInputElement), (files) => {
    for (const file of files) add({ file, name: file.name || 'an image', role: 'subject' });
  });
}

/**
 * Takes a document of the corpus along.
 * @param {{ document: string, caption: string }} found
 */
export function addDocument({ document, caption }) {
  if (!references.some((one) => one.document === document)) add({ document, name: caption, role: 'subject' });
}

/**
 * Takes the last frame of a video as the first one of the next. What was to be the first frame is not any more.
 * @param {{ id: string, urls: { last_frame: string } }} video
 * @param {string} title
 */
export function addLastFrame({ id, urls }, title) {
  for (const one of references.filter(({ role }) => role === 'first_frame')) forget(one);
  add({ video: id, image: urls.last_frame, name: `Last frame of ${foreign(title)}`, role: 'first_frame' });
}

/** The entries of the list. @type {Map<Reference, HTMLLIElement>} */
const items = new Map();

/** @param {Reference} reference */
function forget(reference) {
  references.splice(references.indexOf(reference), 1);
  items.get(reference)?.remove();
  items.delete(reference);
}

/** @param {Reference} reference */
function add(reference) {
  references.push(reference);
  const list = part('references', HTMLUListElement);
  const role = made('select', { ariaLabel: `What ${reference.name} is for` });
  role.append(...roles.map(([value, text]) => made('option', { value }, text)));
  role.value = reference.role;
  role.addEventListener('change', () => {
    reference.role = role.value;
  });
  const remove = made('button', { type: 'button', ariaLabel: `Remove ${reference.name}` }, 'Remove');
  const item = made(
    'li',
    { className: 'document' },
    reference.file ? thumbnailOf(reference.file) : picture(reference.image ?? imageOf(reference.document ?? '')),
    made(
      'div',
      {},
      made('span', { className: 'title', dir: 'auto' }, reference.name),
      made('div', { className: 'actions' }, role, remove),
    ),
  );
  remove.addEventListener('click', () => {
    forget(reference);
    part('images', HTMLInputElement).focus();
  });
  items.set(reference, item);
  list.append(item);
}

/** @param {File} file */
function thumbnailOf(file) {
  const address = URL.createObjectURL(file);
  const image = made('img', { alt: '', className: 'picture', width: 72, height: 72, src: address });
  for (const name of ['load', 'error']) image.addEventListener(name, () => URL.revokeObjectURL(address));
  return image;
}

/** As the API takes them; the files by the names of their parts in a form. */
export function askedReferences() {
  /** @type {Map<string, File>} */
  const files = new Map();
  const asked = references.map(({ file, document, video, role }, n) => {
    if (!file) return video ? { role, video_id: video } : { role, document_id: document };
    // The name of the part says that it is kept as large as frames are.
    const upload = role === 'first_frame' && !files.has(role) ? role : `image-${n}`;
    files.set(upload, file);
    return { role, upload };
  });
  return { asked, files };
}
