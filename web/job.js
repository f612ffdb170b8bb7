import { call, send } from './api.js';
import { askAgain, askCounterpart, goOnFrom, isRepeatable, isUngrounded } from './ask.js';
import { documentItem } from './documents.js';
import { follow, isOver } from './follow.js';
import { foreign } from './foreign.js';
import { made, part, write } from './part.js';
import { previews } from './preview.js';
import { troubleOf } from './trouble.js';
import { stateOf, timeOf, titleOf } from './words.js';

/** @typedef {import('./api.js').Video} Video */

/**
 * A second place for a job, as the first one is now: the same elements, with ids that begin with `beside`. Gives what puts it
 * beside the first.
 */
export function placeBeside() {
  const first = part('job', HTMLElement);
  const copy = /** @type {HTMLElement} */ (first.cloneNode(true));
  for (const one of [copy, ...copy.querySelectorAll('[id]')]) one.id = one.id.replace(/^job/, 'beside');
  copy.setAttribute('aria-labelledby', 'beside-take beside-title');
  return () => first.after(copy);
}

/**
 * One job: how far it is, its video, and what the video was grounded in.
 * @param {'job' | 'beside'} place where it stands: alone or first, or beside another
 * @param {{
 *   onAsked: (video: Video) => void, onCompare: (video: Video, beside: Video) => void, onChange: () => void, onTold: (video: Video) => void, onPlays: () => void,
 * }} options
 */
export function showJob(place, { onAsked, onCompare, onChange, onTold, onPlays }) {
  /**
   * @template {HTMLElement} T
   * @param {string} name
   * @param {new () => T} kind
   */
  const its = (name, kind) => part(`${place}-${name}`, kind);
  const trouble = troubleOf(place);
  const failed = troubleOf(`what was asked for at ${place}`);
  const section = part(place, HTMLElement);
  const film = its('video', HTMLVideoElement);
  const download = its('download', HTMLAnchorElement);
  const cancel = its('cancel', HTMLButtonElement);
  const again = its('again', HTMLButtonElement);
  const goOn = its('go-on', HTMLButtonElement);
  const compare = its('compare', HTMLButtonElement);
  const alone = its('alone', HTMLAnchorElement);
  const share = its('share', HTMLButtonElement);
  const sketch = previews(its('preview', HTMLImageElement));
  /** Another one is shown with it. */
  let isPair = false;
  /** @type {Video | undefined} */
  let shown;
  /** Somebody here asked for its end. */
  let isCancelling = false;
  let leave = new AbortController();

  /** @param {Video} video */
  const tell = (video) => {
    if (shown && video.version < shown.version) return;
    const isNews = shown?.status !== video.status;
    shown = video;
    const over = isOver(video);
    section.dataset.status = video.status;
    write(its('title', HTMLElement), titleOf(video));
    // A screen reader is told of each state, not of each percent.
    const state = video.status === 'in_progress' ? 'Drawing' : stateOf(video);
    write(its('state', HTMLElement), isCancelling && !over ? 'Cancelling' : state);
    const progress = its('progress', HTMLProgressElement);
    progress.hidden = over;
    progress.value = video.progress;
    cancel.hidden = over || isCancelling;
    again.hidden = !over || !isRepeatable(video);
    download.hidden = film.hidden = video.status !== 'completed';
    goOn.hidden = !video.last_frame;
    compare.hidden = isPair || video.status !== 'completed' || video.seed === null || !isRepeatable(video);
    write(compare, isUngrounded(video) ? 'Compare with examples' : 'Compare without examples');
    alone.hidden = !isPair;
    alone.href = `/?job=${encodeURIComponent(video.id)}`;
    const take = its('take', HTMLElement);
    take.hidden = !isPair;
    write(take, !isPair ? '' : isUngrounded(video) ? 'Without examples' : 'With examples');
    sketch(video);
    tellContext(video, its('ungrounded', HTMLElement), its('context', HTMLOListElement));
    tellRecord(video, its('record', HTMLDListElement));
    if (place === 'job') document.title = `${over ? '' : `${video.progress} % · `}${foreign(titleOf(video))} · vimi`;
    onTold(video);
    if (isNews) onChange();
    if (isNews && video.status === 'completed') play(video, leave.signal);
  };

  /**
   * @param {Video} video
   * @param {AbortSignal} signal
   */
  const play = async (video, signal) => {
    try {
      const bytes = await (await call(video.urls.content, { signal })).blob();
      if (signal.aborted) return;
      const address = URL.createObjectURL(bytes);
      signal.addEventListener('abort', () => URL.revokeObjectURL(address));
      film.src = download.href = address;
      film.ariaLabel = titleOf(video);
      download.download = `${video.id}.mp4`;
      if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
      await film.play().catch(() => {});
      onPlays();
    } catch (error) {
      if (!signal.aborted) trouble(error);
    }
  };

  /** @param {() => Promise<void>} work */
  const attempt = async (work) => {
    failed(undefined);
    try {
      await work();
    } catch (error) {
      failed(error);
    }
  };
  cancel.addEventListener('click', () =>
    attempt(async () => {
      const video = shown;
      if (!video) return;
      await send(video.urls.cancel, {});
      if (shown?.id !== video.id) return;
      isCancelling = true;
      tell(shown);
      // The button, which had the focus, is gone.
      its('title', HTMLElement).focus();
    }),
  );
  again.addEventListener('click', () => attempt(async () => shown && onAsked(await askAgain(shown))));
  compare.addEventListener('click', () =>
    attempt(async () => {
      const video = shown;
      if (!video) return;
      const other = await askCounterpart(video);
      if (isUngrounded(video)) onCompare(other, video);
      else onCompare(video, other);
    }),
  );
  goOn.addEventListener('click', () => shown && goOnFrom(shown));
  share.addEventListener('click', () =>
    attempt(async () => {
      // Browsers lend the clipboard to pages with TLS, and to this machine's own.
      await navigator.clipboard?.writeText(location.href);
      write(share, navigator.clipboard ? 'Copied' : 'Copy the address above');
      setTimeout(() => write(share, 'Copy link'), 2000);
    }),
  );

  return {
    /**
     * What the list tells of the job is newer in one thing: others go, and its place in line changes, while it stays as it is.
     * @param {Video[]} videos
     */
    hear(videos) {
      const same = videos.find(({ id }) => id === shown?.id);
      if (same) tell(same);
    },
    /** Begins to play anew, together with another one. */
    restart() {
      film.currentTime = 0;
    },
    get plays() {
      return !film.paused && film.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    },
    /**
     * @param {Video | undefined} video undefined: none
     * @param {boolean} [isOneOfTwo]
     */
    open(video, isOneOfTwo = false) {
      leave.abort();
      leave = new AbortController();
      trouble(undefined);
      failed(undefined);
      shown = undefined;
      sketch(undefined);
      isCancelling = false;
      isPair = isOneOfTwo;
      film.removeAttribute('src');
      film.load();
      section.hidden = !video;
      if (place === 'job') document.title = 'vimi';
      if (!video) return;
      tell(video);
      follow(video, { tell, trouble, signal: leave.signal });
    },
  };
}

/**
 * @param {Video} video
 * @param {HTMLElement} none
 * @param {HTMLOListElement} list
 */
function tellContext({ context, unread_parts: unread, status }, none, list) {
  const motion = (unread ?? []).length > 0 ? 'motion example, which the model does not read, ' : 'motion example, ';
  none.hidden = (context ?? []).length > 0;
  write(
    none,
    context
      ? 'Nothing: no example was asked for, or none in the corpus is close enough.'
      : status === 'queued' || status === 'in_progress'
        ? 'Shown when its turn comes.'
        : 'No video was made.',
  );
  // Told once: images that are made anew would flicker.
  const told = JSON.stringify([context, motion]);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(...(context ?? []).map((found) => documentItem(found, { motion })));
}

/**
 * @param {Video} video
 * @param {HTMLDListElement} list
 */
function tellRecord({ id, prompt, model, seed, size, seconds, created_at, completed_at, request, urls }, list) {
  /** @type {[string, string | number | null][]} */
  const facts = [
    ['Prompt', prompt],
    ['Model', model],
    ['Seed', seed],
    ['Size', size && `${size.replace('x', ' × ')} pixels`],
    ['Length', seconds && `${seconds} s`],
    ['Asked', timeOf(created_at)],
    ['Ended', completed_at && timeOf(completed_at)],
    ['Request', `${foreign(request.id)} of ${foreign(request.source)}`],
    ['Job', id],
  ];
  const rows = facts.filter(([, value]) => value !== null);
  list.replaceChildren(
    ...rows.map(([name, value]) => made('div', {}, made('dt', {}, name), made('dd', { dir: 'auto' }, String(value)))),
    made('div', {}, made('dt', {}, 'API'), made('dd', {}, made('code', {}, `GET ${urls.self}`))),
  );
}
