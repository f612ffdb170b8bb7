import { call, Problem, read, Unreachable } from './api.js';
import { eventsOf } from './server-events.js';

/** @typedef {import('./api.js').Video} Video */

/** After so long a lost stream is asked for again, and a job looked at where streams are not to be had. Milliseconds. */
const againMs = 1000;

/**
 * Calls `tell` with each state of a job until it is over. A lost connection is made again, by itself.
 * @param {Video} video
 * @param {{ tell: (video: Video) => void, trouble: (error: unknown) => void, signal: AbortSignal }} options
 */
export async function follow(video, { tell, trouble, signal }) {
  let now = video;
  /** @param {Video} next */
  const take = (next) => {
    now = next;
    trouble(undefined);
    tell(now);
  };
  while (!isOver(now) && !signal.aborted) {
    // Also GET answers with nothing older than that.
    const headers = { 'last-event-id': String(now.version) };
    try {
      const answer = await call(now.urls.events, { headers, signal });
      trouble(undefined);
      for await (const { event, data } of eventsOf(answer)) {
        if (signal.aborted) return;
        if (event === 'deleted') throw new Problem({ title: 'Somebody deleted this job.', status: 404 });
        take(JSON.parse(data));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unreachable || (error instanceof Problem && error.status === 429)) {
        // No stream is to be had now, or a proxy lets none through.
        await read(now.urls.self, { headers, signal }).then(take, trouble);
      } else {
        trouble(error);
        if (error instanceof Problem && error.status === 404) return;
      }
    }
    if (!isOver(now)) await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

/** @param {Video} video */
export function isOver({ status }) {
  return status !== 'queued' && status !== 'in_progress';
}
