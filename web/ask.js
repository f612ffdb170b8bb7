import { Problem, read, send } from './api.js';
import { askedChoices, prepareChoices, tellRefused } from './choices.js';
import { areExamplesShown, hideExamples, showExamples } from './examples.js';
import { foreign } from './foreign.js';
import { part, write } from './part.js';
import { addLastFrame, askedReferences, prepareReferences } from './references.js';
import { prepareReplace } from './replace.js';
import { titleOf } from './words.js';

/** @typedef {import('./api.js').Video} Video */
/** @typedef {false | { pin?: string[], exclude?: string[] }} Retrieval */

const numbers = ['frames', 'width', 'height', 'steps', 'seed'];

/**
 * The form that asks for a video, or for two of the same seed, with and without examples.
 * @param {(video: Video, beside?: Video) => void} onAsked
 */
export function prepareForm(onAsked) {
  const form = part('ask-form', HTMLFormElement);
  const buttons = [
    /** @type {HTMLButtonElement} */ (form.querySelector('button[type=submit]')),
    part('both', HTMLButtonElement),
  ];
  /** The same attempt, sent again after a lost connection, is the same job. */
  let attempt = { body: '', key: '', seed: 0 };
  /** @param {boolean} both */
  const ask = async (both) => {
    if (buttons.some(({ ariaDisabled }) => ariaDisabled === 'true')) return;
    const { asked, files } = askedReferences();
    const request = { ...requestOf(new FormData(form)), ...(asked.length > 0 && { references: asked }) };
    const body = JSON.stringify([
      ...[both, request],
      [...files.values()].map(({ name, size, lastModified }) => [name, size, lastModified]),
    ]);
    if (attempt.body !== body) attempt = { body, key: randomName(), seed: randomSeed() };
    for (const button of buttons) button.ariaDisabled = 'true';
    show([]);
    try {
      const [first, second] = both ? withAndWithout(request, attempt.seed) : [request];
      const video = await post(first, files, attempt.key);
      const beside = second && (await post(second, files, `${attempt.key}-without`));
      attempt = { body: '', key: '', seed: 0 };
      hideExamples();
      onAsked(video, beside);
    } catch (error) {
      showProblem(error, files);
    } finally {
      for (const button of buttons) button.ariaDisabled = null;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask(false);
  });
  part('both', HTMLButtonElement).addEventListener('click', () => {
    if (form.reportValidity()) ask(true);
  });
  const look = async () => {
    if (!form.reportValidity()) return;
    const { prompt, retrieval } = requestOf(new FormData(form));
    show([]);
    try {
      await showExamples({ prompt, ...(retrieval !== undefined && { retrieval }) });
    } catch (error) {
      hideExamples();
      showProblem(error);
    }
  };
  part('see', HTMLButtonElement).addEventListener('click', look);
  prepareChoices(() => {
    if (areExamplesShown()) look();
  });
  prepareReferences(form);
  prepareReplace();
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

/**
 * The same once more, with another seed.
 * @param {Video} video
 * @returns {Promise<Video>}
 */
export function askAgain({ request }) {
  return send('/v1/videos', { ...request.asked, seed: randomSeed() });
}

/** Whether it was asked for without examples. @param {Video} video */
export function isUngrounded({ request }) {
  return request.asked?.retrieval === false;
}

/**
 * The same once more with the same seed: without examples where it had some, else with them.
 * @param {Video} video one that is over
 * @returns {Promise<Video>}
 */
export function askCounterpart(video) {
  const { retrieval, ...asked } = video.request.asked ?? {};
  return send('/v1/videos', { ...asked, seed: video.seed, ...(retrieval !== false && { retrieval: false }) });
}

/**
 * Fills the form for a video that begins where another one ends.
 * @param {Video} video
 */
export function goOnFrom(video) {
  const { asked } = video.request;
  addLastFrame(video, titleOf(video));
  const prompt = part('prompt', HTMLTextAreaElement);
  if (prompt.value.trim() === '') prompt.value = video.prompt ?? '';
  // Frame 1 is that frame only where both have one size.
  for (const name of ['width', 'height'])
    if (asked?.[name] !== undefined) part(name, HTMLInputElement).value = String(asked[name]);
  prompt.focus();
  prompt.select();
}

/**
 * @param {ReturnType<typeof requestOf>} request
 * @param {number} seed where the form has none
 */
function withAndWithout({ retrieval, ...request }, seed) {
  const same = { seed, ...request };
  return [
    { ...same, ...(retrieval && { retrieval }) },
    { ...same, retrieval: /** @type {const} */ (false) },
  ];
}

/**
 * @param {Record<string, unknown>} request
 * @param {Map<string, File>} files
 * @param {string} key
 * @returns {Promise<Video>}
 */
function post(request, files, key) {
  const headers = { 'idempotency-key': key };
  return files.size > 0 ? upload(request, files, headers) : send('/v1/videos', request, headers);
}

/**
 * Whether it can be asked for again: not where images came inline, whose bytes nobody has any more.
 * @param {Video} video
 */
export function isRepeatable({ request }) {
  const prompt = request.asked?.prompt;
  return request.asked !== null && !(Array.isArray(prompt) && prompt.some(({ image }) => image?.base64 === ''));
}

/**
 * Sends a request with files.
 * @param {Record<string, unknown>} request
 * @param {Map<string, File>} files
 * @param {Record<string, string>} headers
 */
function upload(request, files, headers) {
  const body = new FormData();
  for (const [name, value] of Object.entries(request))
    body.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  for (const [name, file] of files) body.append(name, file);
  return read('/v1/videos', { method: 'POST', headers, body });
}

/**
 * @param {FormData} form
 * @returns {{ prompt: string, seed?: number, retrieval?: Retrieval }}
 */
function requestOf(form) {
  const retrieval = form.get('retrieval') === 'none' ? /** @type {const} */ (false) : askedChoices();
  const given = numbers.filter((name) => form.get(name) !== '').map((name) => [name, Number(form.get(name))]);
  return {
    prompt: String(form.get('prompt')),
    ...Object.fromEntries(given),
    ...(retrieval !== undefined && { retrieval }),
  };
}

/**
 * @param {unknown} error
 * @param {Map<string, File>} [files] of the request, which the server knows by the names of their parts
 */
function showProblem(error, files = new Map()) {
  const mistakes = error instanceof Problem ? error.mistakes : [];
  const known = mistakes.filter(({ pointer }) => document.getElementById(`${pointer.slice(1)}-wrong`));
  let { message } = /** @type {Error} */ (error);
  for (const [name, file] of files) message = message.replace(`(${name})`, () => `(${foreign(file.name)})`);
  show(known, known.length > 0 || tellRefused(mistakes) ? '' : message);
}

/**
 * @param {{ pointer: string, detail: string }[]} mistakes
 * @param {string} [all] what no field is to blame for
 */
function show(mistakes, all = '') {
  for (const name of ['prompt', ...numbers]) {
    const mistake = mistakes.find(({ pointer }) => pointer === `/${name}`);
    const field = part(name, HTMLElement);
    field.ariaInvalid = mistake ? 'true' : null;
    tell(`${name}-wrong`, mistake?.detail ?? '');
  }
  tell('form-wrong', all);
  const first = mistakes[0]?.pointer.slice(1);
  if (first && first !== 'prompt') part('options', HTMLDetailsElement).open = true;
  if (first) part(first, HTMLElement).focus();
}

/**
 * @param {string} id
 * @param {string} text
 */
function tell(id, text) {
  const element = part(id, HTMLElement);
  write(element, text);
  element.hidden = text === '';
}

function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** For pages without TLS too, which have no crypto.randomUUID. */
function randomName() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(16).padStart(8, '0')).join('');
}
