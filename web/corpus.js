import { call, Problem, read } from './api.js';
import { documentItem } from './documents.js';
import { foreign } from './foreign.js';
import { prepareOffer } from './offer.js';
import { made, part, write } from './part.js';
import { isSure } from './sure.js';
import { troubleOf } from './trouble.js';

/** @typedef {{ document: string, caption: string, ranks: Record<string, number> }} Found */

const shown = 24;

/**
 * The corpus: search it, see where a document comes from, take it out, offer another one.
 * @param {(query: string) => void} onSearch
 */
export function showCorpus(onSearch) {
  const trouble = troubleOf('the corpus');
  const form = part('corpus-form', HTMLFormElement);
  const field = part('corpus-query', HTMLInputElement);
  const state = part('corpus-state', HTMLElement);
  const list = part('corpus-list', HTMLOListElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    onSearch(field.value.trim());
  });
  prepareOffer();
  let latest = 0;

  return {
    /** @param {string} query what to search for; empty: nothing yet */
    async open(query) {
      const turn = ++latest;
      trouble(undefined);
      field.value = query;
      document.title = `${query ? foreign(query) : 'Corpus'} · vimi`;
      list.replaceChildren();
      write(state, '');
      if (!query) return;
      write(state, 'Looking');
      try {
        const { data, corpus } = await read(`/v1/corpus/documents?k=${shown}&q=${encodeURIComponent(query)}`);
        if (turn !== latest) return;
        write(state, `The nearest ${data.length} of ${corpus.documents} documents, best first.`);
        list.replaceChildren(...data.map(itemOf));
      } catch (error) {
        if (turn !== latest) return;
        write(state, '');
        trouble(error);
      }
    },
  };
}

/** @param {Found} found */
function itemOf(found) {
  const failed = troubleOf('a document');
  const about = made('dl', { hidden: true });
  const address = `/v1/corpus/documents/${encodeURIComponent(found.document)}`;
  const where = made(
    'button',
    { type: 'button', ariaLabel: `Origin of ${found.caption}`, ariaExpanded: 'false' },
    'Origin',
  );
  const remove = made('button', { type: 'button', ariaLabel: `Remove ${found.caption}` }, 'Remove');
  const item = documentItem(found, { actions: [made('div', { className: 'actions' }, where, remove), about] });
  where.addEventListener('click', async () => {
    failed(undefined);
    try {
      if (!about.firstChild) about.append(...factsOf(await read(address)));
      about.hidden = !about.hidden;
      where.ariaExpanded = String(!about.hidden);
    } catch (error) {
      failed(error);
    }
  });
  remove.addEventListener('click', async () => {
    failed(undefined);
    if (!(await isSure(removal(found.caption)))) return;
    try {
      await call(address, { method: 'DELETE' }).catch(unlessGone);
      const next = /** @type {HTMLElement | null} */ (item.nextElementSibling?.querySelector('button') ?? null);
      item.remove();
      (next ?? part('corpus-query', HTMLInputElement)).focus();
    } catch (error) {
      failed(error);
    }
  });
  return item;
}

/** @param {{ id: string, kind?: string, captions?: { text: string }[], provenance: Record<string, string> }} document */
function factsOf({ id, kind, captions = [], provenance: { uri = '', source = '', licence = '' } }) {
  /** @type {[string, string][]} */
  const facts = [
    ['Medium', uri],
    ['Source', source || 'not stated'],
    ['Licence', licence || 'not stated'],
    ['Kind', kind ?? ''],
    ...captions.map(({ text }) => /** @type {[string, string]} */ (['Caption', text])),
    ['Document', id],
  ];
  return facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => made('div', {}, made('dt', {}, name), made('dd', { dir: 'auto' }, value)));
}

/** What somebody else has removed meanwhile is removed. @param {unknown} error */
function unlessGone(error) {
  if (!(error instanceof Problem && error.code === 'DOCUMENT_NOT_FOUND')) throw error;
}

/** @param {string} caption */
function removal(caption) {
  return {
    title: 'Remove this document?',
    what: caption,
    hint: 'It grounds nothing from now on, and its image stays out when it comes again.',
    yes: 'Remove it',
    no: 'Keep it',
  };
}
