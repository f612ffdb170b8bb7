import { imageOf } from './documents.js';
import { made, part } from './part.js';
import { picture } from './picture.js';

/*
 * Images that go with a prompt: files of the user, and documents of the corpus. Each has a role.
 */

/** @typedef {{ file?: File, document?: string, name: string, role: string }} Reference */

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
  const files = part('images', HTMLInputElement);
  files.addEventListener('change', () => {
    addFiles(files.files);
    files.value = '';
  });
  form.addEventListener('paste', (event) => addFiles(event.clipboardData?.files));
  form.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    form.classList.add('dropping');
  });
  for (const name of ['dragleave', 'drop']) form.addEventListener(name, () => form.classList.remove('dropping'));
  form.addEventListener('drop', (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });
}

/** @param {FileList | null | undefined} files */
function addFiles(files) {
  for (const file of files ?? []) add({ file, name: file.name || 'an image', role: 'subject' });
}

/**
 * Takes a document of the corpus along.
 * @param {{ document: string, caption: string }} found
 */
export function addDocument({ document, caption }) {
  if (!references.some((one) => one.document === document)) add({ document, name: caption, role: 'subject' });
}

/** @param {Reference} reference */
function add(reference) {
  references.push(reference);
  const list = part('references', HTMLUListElement);
  const role = made('select', { ariaLabel: `What ${reference.name} is for` });
  role.append(...roles.map(([value, text]) => made('option', { value }, text)));
  role.addEventListener('change', () => {
    reference.role = role.value;
  });
  const remove = made('button', { type: 'button', ariaLabel: `Remove ${reference.name}` }, 'Remove');
  const item = made(
    'li',
    { className: 'document' },
    reference.file ? thumbnailOf(reference.file) : picture(imageOf(reference.document ?? '')),
    made(
      'div',
      {},
      made('span', { className: 'title' }, reference.name),
      made('div', { className: 'actions' }, role, remove),
    ),
  );
  remove.addEventListener('click', () => {
    references.splice(references.indexOf(reference), 1);
    item.remove();
    part('images', HTMLInputElement).focus();
  });
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
  const asked = references.map(({ file, document, role }, n) => {
    if (!file) return { role, document_id: document };
    const upload = `image-${n}`;
    files.set(upload, file);
    return { role, upload };
  });
  return { asked, files };
}
