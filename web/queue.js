import { Problem, read } from './api.js';
import { made, part, write } from './part.js';
import { troubleOf } from './trouble.js';
import { stateOf, timeOf, titleOf } from './words.js';

/** @typedef {import('./api.js').Video} Video */

/** Jobs that one page of the list has. */
const page = 20;
const most = 100;
const lookMs = 2000;

/**
 * The list of jobs, the newest first, looked at again from time to time while somebody sees it.
 * @param {(videos: Video[]) => void} onLook what the list shows now
 * @returns {{ look(): Promise<void>, hear(video: Video): void, select(...ids: (string | undefined)[]): void }}
 */
export function showQueue(onLook) {
  const trouble = troubleOf('the list');
  const list = part('queue-list', HTMLOListElement);
  const more = part('queue-more', HTMLButtonElement);
  /** @type {Map<string, HTMLLIElement>} */
  const items = new Map();
  /** The newest that was heard of each job. @type {Map<string, Video>} */
  const newest = new Map();
  let limit = page;
  /** @type {(string | undefined)[]} */
  let selected = [];

  const mark = () => {
    for (const [id, item] of items) {
      const link = /** @type {HTMLAnchorElement} */ (item.firstElementChild);
      link.ariaCurrent = selected.includes(id) ? 'true' : null;
    }
  };
  /** @type {Promise<void> | undefined} */
  let looking;
  /** @type {Promise<void> | undefined} */
  let next;
  /**
   * One after the other: answers of a server that is slow neither pile up nor overtake each other.
   * @returns {Promise<void>}
   */
  const look = () => {
    if (looking)
      next ??= looking.then(() => {
        next = undefined;
        return look();
      });
    else
      looking = lookOnce().finally(() => {
        looking = undefined;
      });
    return next ?? looking;
  };
  const lookOnce = async () => {
    try {
      const { data, has_more } = await read(`/v1/videos?limit=${limit}`);
      show(data);
      onLook(data);
      more.hidden = !has_more || limit >= most;
      trouble(undefined);
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'ROUTE_UNKNOWN')) return trouble(error);
      clearInterval(ticking);
      write(part('queue-empty', HTMLElement), 'No pipeline of this server makes videos.');
    }
  };
  /** @param {Video} video */
  const hear = (video) => {
    const item = items.get(video.id);
    if (!item || (newest.get(video.id)?.version ?? 0) > video.version) return;
    newest.set(video.id, video);
    tell(item, video);
  };
  /** @param {Video[]} videos */
  const show = (videos) => {
    part('queue-empty', HTMLElement).hidden = videos.length > 0;
    const known = new Set(videos.map(({ id }) => id));
    for (const [id, item] of items)
      if (!known.has(id)) {
        item.remove();
        items.delete(id);
        newest.delete(id);
      }
    videos.forEach((video, place) => {
      const item = items.get(video.id) ?? itemOf(video);
      items.set(video.id, item);
      hear(video);
      // Moved only where it must be: whoever has the focus keeps it.
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    });
    mark();
  };
  more.addEventListener('click', () => {
    limit += page;
    look();
  });
  const ticking = setInterval(() => {
    if (!document.hidden && !looking) look();
  }, lookMs);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look();
  });
  return {
    look,
    /** What is known of a job before the next look. */
    hear,
    select(...ids) {
      selected = ids;
      mark();
    },
  };
}

/** @param {Video} video */
function itemOf(video) {
  const link = made('a', { href: `/?job=${encodeURIComponent(video.id)}` });
  link.append(made('span', { className: 'title', dir: 'auto' }, titleOf(video)), made('span', { className: 'state' }));
  return made('li', {}, link);
}

/**
 * @param {HTMLLIElement} item
 * @param {Video} video
 */
function tell(item, video) {
  item.dataset.status = video.status;
  const when = timeOf(video.completed_at ?? video.created_at);
  const isLive = video.status === 'queued' || video.status === 'in_progress';
  const state = /** @type {HTMLElement} */ (item.querySelector('.state'));
  write(state, isLive ? stateOf(video) : `${stateOf(video)} · ${when}`);
}
