import { read, send } from './api.js';
import { foreign } from './foreign.js';
import { countOf } from './numbers.js';
import { made, part, write } from './part.js';
import { isSure } from './sure.js';
import { troubleOf } from './trouble.js';
import { timeOf } from './words.js';

/** @typedef {{ part: string, step: string, code: string, message: string }} Failure */
/** @typedef {{ id: string, status: string, event: string, about: string, rejected_at: string, pipeline: string, errors: Failure[], urls: { self: string } }} Reject */
/** @typedef {{ text: string, encoding: 'text' | 'base64', bytes: number }} Bytes */
/** @typedef {Reject & { attempts: number, remedy: string, original: { topic: string, partition: number, offset: number, timestamp: string, key: Bytes | null, value: Bytes | null, headers: Record<string, Bytes> } }} Opened */
/** @typedef {{ ids: string[] } | { codes: string[] } | { all: true }} Choice */

const page = 50;

/** @type {Record<string, string>} */
const empty = {
  waiting: 'Nothing waits here.',
  replayed: 'Nothing was replayed.',
  dismissed: 'Nothing was dismissed.',
};

/** Rejected events: why, what they said, and what is to be done with them. */
export function showRejects() {
  const trouble = troubleOf('the rejects');
  const list = part('rejects-list', HTMLOListElement);
  const state = part('rejects-state', HTMLElement);
  const code = part('rejects-code', HTMLSelectElement);
  const status = part('rejects-status', HTMLSelectElement);
  const more = part('rejects-more', HTMLButtonElement);
  const all = {
    replay: part('rejects-replay', HTMLButtonElement),
    dismiss: part('rejects-dismiss', HTMLButtonElement),
  };
  let turn = 0;
  /** @type {string | null} */
  let last = null;

  /** @param {{ isFirst: boolean, done?: string }} how `done`: what is said before */
  const look = async ({ isFirst, done = '' }) => {
    const mine = ++turn;
    if (isFirst) write(state, done || 'Looking');
    trouble(undefined);
    try {
      const query = new URLSearchParams({ limit: String(page), status: status.value });
      if (code.value) query.set('code', code.value);
      if (!isFirst && last) query.set('after', last);
      const { data, has_more, last_id, counts, codes } = await read(`/v1/rejects?${query}`);
      if (mine !== turn) return;
      last = last_id;
      more.hidden = !has_more;
      tellCodes(codes);
      const items = data.map(itemOf);
      if (isFirst) list.replaceChildren(...items);
      else list.append(...items);
      const shown = counts[status.value];
      write(state, [done, shown === 0 ? empty[status.value] : `${countOf(shown)} in all.`].filter(Boolean).join(' '));
      for (const [verb, button] of Object.entries(all)) {
        button.hidden = status.value !== 'waiting' || shown < 2;
        write(button, `${verb === 'replay' ? 'Replay' : 'Dismiss'} all ${countOf(shown)}`);
        button.dataset.count = String(shown);
      }
      if (!isFirst) /** @type {HTMLElement | null} */ (items[0]?.querySelector('a'))?.focus();
    } catch (error) {
      if (mine !== turn) return;
      if (isFirst) list.replaceChildren();
      for (const button of [more, ...Object.values(all)]) button.hidden = true;
      write(state, '');
      trouble(error);
    }
  };
  /** @param {{ code: string, waiting: number }[]} codes */
  const tellCodes = (codes) => {
    const chosen = code.value;
    const names = new Map(codes.map((one) => [one.code, `${one.code} (${countOf(one.waiting)})`]));
    if (chosen && !names.has(chosen)) names.set(chosen, chosen);
    code.replaceChildren(made('option', { value: '' }, 'any'));
    for (const [value, text] of names) code.append(made('option', { value }, text));
    code.value = chosen;
  };
  for (const choice of [code, status]) choice.addEventListener('change', () => look({ isFirst: true }));
  part('rejects-look', HTMLButtonElement).addEventListener('click', () => look({ isFirst: true }));
  more.addEventListener('click', () => look({ isFirst: false }));
  for (const [verb, button] of Object.entries(all))
    button.addEventListener('click', async () => {
      const choice = code.value ? { codes: [code.value] } : { all: /** @type {const} */ (true) };
      const what = code.value
        ? `${button.dataset.count} rejects with ${code.value}`
        : `All ${button.dataset.count} rejects`;
      const done = await settle(verb, choice, what, trouble);
      if (done === undefined) return;
      part('rejects-title', HTMLElement).focus();
      await look({ isFirst: true, done });
    });
  const opened = openedReject();

  return {
    /** @param {string} id the place of the one that is opened; empty: the list */
    async open(id) {
      trouble(undefined);
      part('rejects', HTMLElement).hidden = id !== '';
      part('reject', HTMLElement).hidden = id === '';
      document.title = `${id || 'Rejects'} · vimi`;
      if (id === '') return look({ isFirst: true });
      turn++;
      await opened(id, trouble);
    },
    close() {
      turn++;
      trouble(undefined);
    },
  };
}

/** @param {Reject} reject */
function itemOf({ id, about, rejected_at, pipeline, errors, status }) {
  const [first] = errors;
  const link = made('a', { href: `/?rejects=${encodeURIComponent(id)}` });
  const others = errors.length > 1 ? ` and ${errors.length - 1} more parts` : '';
  const when = timeOf(Date.parse(rejected_at) / 1000);
  link.append(
    made('span', { className: 'title', dir: 'auto' }, about.trim() || id),
    made(
      'span',
      { className: 'state' },
      made('code', {}, first?.code ?? ''),
      ` ${foreign(first?.message ?? '')}${others}`,
    ),
    made(
      'span',
      { className: 'state' },
      `${pipeline}, ${first?.step} · ${when}${status === 'waiting' ? '' : ` · ${status}`}`,
    ),
  );
  return made('li', {}, link);
}

/** Shows one at length. */
function openedReject() {
  const replay = part('reject-replay', HTMLButtonElement);
  const dismiss = part('reject-dismiss', HTMLButtonElement);
  const state = part('reject-state', HTMLElement);
  /** @type {Opened | undefined} */
  let shown;
  /** @type {(error: unknown) => void} */
  let trouble = () => {};

  /** @param {string} id */
  const look = async (id) => {
    const found = /** @type {Opened} */ (await read(`/v1/rejects/${encodeURIComponent(id)}`));
    if (wanted === id) tell(found);
  };
  let wanted = '';
  /** @param {Opened} reject */
  const tell = (reject) => {
    shown = reject;
    const { about, errors, remedy, original, status, rejected_at, pipeline, attempts, event, id } = reject;
    write(part('reject-title', HTMLElement), about.trim() || id);
    if (!state.textContent) write(state, status === 'waiting' ? '' : `This one was ${status}.`);
    replay.hidden = dismiss.hidden = status !== 'waiting';
    part('reject-errors', HTMLUListElement).replaceChildren(
      ...errors.map(({ part: which, step, code, message }) =>
        made(
          'li',
          {},
          made('code', {}, code),
          ` ${foreign(message)}${message.endsWith('.') ? '' : '.'} At the step ${step}${which ? `, part ${which}` : ''}.`,
        ),
      ),
      made('li', { className: 'hint' }, remedy),
    );
    const { key, value, headers, topic, partition, offset, timestamp } = original;
    const text = value === null ? '' : value.encoding === 'text' ? pretty(value.text) : value.text;
    part('reject-value', HTMLTextAreaElement).value = value === null ? 'It has no value.' : text || 'It is empty.';
    const cut = part('reject-cut', HTMLElement);
    const isCut = value !== null && value.encoding === 'text' && value.text.length >= 65_536;
    cut.hidden = !value || (value.encoding === 'text' && !isCut);
    write(
      cut,
      value?.encoding === 'base64'
        ? `No text: ${countOf(value.bytes)} bytes, in base64.`
        : `The beginning of ${countOf(value?.bytes ?? 0)} bytes.`,
    );
    /** @type {[string, string][]} */
    const facts = [
      ['Place', `${topic}, partition ${partition}, offset ${offset}`],
      ['Published', timeOf(Date.parse(timestamp) / 1000)],
      [
        'Rejected',
        `${timeOf(Date.parse(rejected_at) / 1000)}, after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
      ],
      ['Pipeline', pipeline],
      ['Event', event],
      ...(key === null ? [] : [/** @type {[string, string]} */ (['Key', key.text])]),
      ...Object.entries(headers).map(([name, { text: words }]) => /** @type {[string, string]} */ ([name, words])),
    ];
    part('reject-record', HTMLDListElement).replaceChildren(
      ...facts.map(([name, words]) =>
        made('div', {}, made('dt', { dir: 'auto' }, name), made('dd', { dir: 'auto' }, words)),
      ),
    );
  };
  for (const [verb, button] of /** @type {const} */ ([
    ['replay', replay],
    ['dismiss', dismiss],
  ]))
    button.addEventListener('click', async () => {
      if (!shown) return;
      const { id, about } = shown;
      const done = await settle(verb, { ids: [id] }, about.trim() || id, trouble);
      if (done === undefined || wanted !== id) return;
      write(state, done);
      part('reject-title', HTMLElement).focus();
      await look(id).catch(trouble);
    });

  /**
   * @param {string} id
   * @param {(error: unknown) => void} onTrouble
   */
  return async (id, onTrouble) => {
    [trouble, wanted, shown] = [onTrouble, id, undefined];
    write(state, '');
    write(part('reject-title', HTMLElement), id);
    for (const place of ['reject-errors', 'reject-record']) part(place, HTMLElement).replaceChildren();
    part('reject-value', HTMLTextAreaElement).value = '';
    part('reject-cut', HTMLElement).hidden = true;
    replay.hidden = dismiss.hidden = true;
    await look(id).catch((error) => wanted === id && trouble(error));
  };
}

/**
 * Replays or dismisses, if whoever asks is sure. Gives what was done, in words; undefined: nothing.
 * @param {string} verb
 * @param {Choice} choice
 * @param {string} what
 * @param {(error: unknown) => void} trouble
 */
async function settle(verb, choice, what, trouble) {
  trouble(undefined);
  const question =
    verb === 'replay'
      ? {
          title: 'Replay?',
          hint: 'The original bytes are published to their topic again, and every pipeline that reads it gets them.',
          yes: 'Replay',
          no: 'Leave it',
        }
      : { title: 'Dismiss?', hint: 'It is no longer listed, nor can it be replayed.', yes: 'Dismiss', no: 'Leave it' };
  if (!(await isSure({ ...question, what }))) return undefined;
  try {
    const { count, data, passed_over } = await send(`/v1/rejects/${verb}`, choice);
    // Of all that are chosen, those are no news.
    const before =
      'ids' in choice && passed_over > 0 ? ` ${countOf(passed_over)} had been replayed or dismissed before.` : '';
    if (verb === 'dismiss') return `${countOf(count)} dismissed.${before}`;
    return count === 1
      ? `Published again as ${data[0].replayed_as}.${before}`
      : `${countOf(count)} published again.${before}`;
  } catch (error) {
    trouble(error);
    return undefined;
  }
}

/** @param {string} text JSON is laid out; anything else stays as it is */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
