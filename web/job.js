import { call, send } from './api.js';
import { askAgain, isRepeatable } from './ask.js';
import { documentItem } from './documents.js';
import { follow, isOver } from './follow.js';
import { made, part, write } from './part.js';
import { previews } from './preview.js';
import { troubleOf } from './trouble.js';
import { stateOf, timeOf, titleOf } from './words.js';

/** @typedef {import('./api.js').Video} Video */

/**
 * One job: how far it is, its video, and what the video was grounded in.
 * @param {{ onAsked: (video: Video) => void, onChange: () => void }} options
 */
export function showJob({ onAsked, onChange }) {
  const trouble = troubleOf('the job');
  const failed = troubleOf('what was asked for');
  const section = part('job', HTMLElement);
  const film = part('job-video', HTMLVideoElement);
  const download = part('job-download', HTMLAnchorElement);
  const cancel = part('job-cancel', HTMLButtonElement);
  const again = part('job-again', HTMLButtonElement);
  const share = part('job-share', HTMLButtonElement);
  const sketch = previews();
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
    write(part('job-title', HTMLElement), titleOf(video));
    // A screen reader is told of each state, not of each percent.
    const state = video.status === 'in_progress' ? 'Drawing' : stateOf(video);
    write(part('job-state', HTMLElement), isCancelling && !over ? 'Cancelling' : state);
    const progress = part('job-progress', HTMLProgressElement);
    progress.hidden = over;
    progress.value = video.progress;
    cancel.hidden = over || isCancelling;
    again.hidden = !over || !isRepeatable(video);
    download.hidden = film.hidden = video.status !== 'completed';
    sketch(video);
    tellContext(video);
    tellRecord(video);
    document.title = `${over ? '' : `${video.progress} % · `}${titleOf(video)} · vimi`;
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
      if (!matchMedia('(prefers-reduced-motion: reduce)').matches) await film.play().catch(() => {});
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
      part('job-title', HTMLElement).focus();
    }),
  );
  again.addEventListener('click', () => attempt(async () => shown && onAsked(await askAgain(shown))));
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
    /** @param {Video | undefined} video undefined: none */
    open(video) {
      leave.abort();
      leave = new AbortController();
      trouble(undefined);
      failed(undefined);
      shown = undefined;
      sketch(undefined);
      isCancelling = false;
      film.removeAttribute('src');
      film.load();
      section.hidden = !video;
      document.title = 'vimi';
      if (!video) return;
      tell(video);
      follow(video, { tell, trouble, signal: leave.signal });
    },
  };
}

/** @param {Video} video */
function tellContext({ context, unread_parts: unread, status }) {
  const motion = (unread ?? []).length > 0 ? 'motion example, which the model does not read, ' : 'motion example, ';
  const none = part('job-ungrounded', HTMLElement);
  const list = part('job-context', HTMLOListElement);
  none.hidden = (context ?? []).length > 0;
  write(
    none,
    context
      ? 'Nothing: no example was asked for, or none in the corpus is close enough.'
      : status === 'queued' || status === 'in_progress'
        ? 'Told when its turn comes.'
        : 'No video was made.',
  );
  // Told once: images that are made anew would flicker.
  const told = JSON.stringify([context, motion]);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(...(context ?? []).map((found) => documentItem(found, { motion })));
}

/** @param {Video} video */
function tellRecord({ id, model, seed, size, seconds, created_at, completed_at, request, urls }) {
  /** @type {[string, string | number | null][]} */
  const facts = [
    ['Model', model],
    ['Seed', seed],
    ['Size', size && `${size.replace('x', ' × ')} pixels`],
    ['Length', seconds && `${seconds} s`],
    ['Asked', timeOf(created_at)],
    ['Over', completed_at && timeOf(completed_at)],
    ['Request', `${request.id} of ${request.source}`],
    ['Job', id],
  ];
  const rows = facts.filter(([, value]) => value !== null);
  const list = part('job-record', HTMLDListElement);
  list.replaceChildren(
    ...rows.map(([name, value]) => made('div', {}, made('dt', {}, name), made('dd', {}, String(value)))),
    made('div', {}, made('dt', {}, 'API'), made('dd', {}, made('code', {}, `GET ${urls.self}`))),
  );
}
