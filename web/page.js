import { read } from './api.js';
import { prepareForm } from './ask.js';
import { showCorpus } from './corpus.js';
import { showJob } from './job.js';
import { part } from './part.js';
import { showQueue } from './queue.js';
import { troubleOf } from './trouble.js';

/*
 * The page of `vimi run`. Its address names the job that is shown, so that it can be shared and loaded again: /?job=ID. /?corpus=TEXT
 * searches the corpus.
 */

/** @typedef {import('./api.js').Video} Video */

const trouble = troubleOf('opening a job');
const job = showJob({ onAsked: go, onChange: () => queue.look() });
const queue = showQueue(job.hear);
const corpus = showCorpus((query) => {
  history.pushState(null, '', `/?corpus=${encodeURIComponent(query)}`);
  corpus.open(query);
});
prepareForm(go);

/**
 * Shows a job that was just asked for.
 * @param {Video} video
 */
function go(video) {
  history.pushState(null, '', `/?job=${encodeURIComponent(video.id)}`);
  trouble(undefined);
  open(video);
  part('job-title', HTMLElement).focus();
}

/**
 * Shows videos, and this job among them.
 * @param {Video | undefined} video
 */
function open(video) {
  show('videos');
  queue.select(video?.id);
  job.open(video);
}

/** @param {'videos' | 'corpus'} view */
function show(view) {
  part('corpus', HTMLElement).hidden = view !== 'corpus';
  for (const id of ['ask', 'queue']) part(id, HTMLElement).hidden = view !== 'videos';
  part('to-videos', HTMLElement).ariaCurrent = view === 'videos' ? 'page' : null;
  part('to-corpus', HTMLElement).ariaCurrent = view === 'corpus' ? 'page' : null;
}

/** What the address names. */
function named() {
  const query = new URLSearchParams(location.search);
  return { id: query.get('job'), sought: query.get('corpus') };
}

/** Shows what the address names. */
async function arrive() {
  const { id, sought } = named();
  trouble(undefined);
  if (sought !== null) {
    open(undefined);
    show('corpus');
    return corpus.open(sought);
  }
  if (!id) return open(undefined);
  try {
    const video = await read(`/v1/videos/${encodeURIComponent(id)}`);
    if (named().id === id) open(video);
  } catch (error) {
    if (named().id !== id) return;
    open(undefined);
    trouble(error);
  }
}

document.addEventListener('click', async (event) => {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || link.origin !== location.origin || link.pathname !== '/' || link.hash) return;
  event.preventDefault();
  history.pushState(null, '', link.href);
  await arrive();
  const { id, sought } = named();
  part(sought !== null ? 'corpus-title' : id ? 'job-title' : 'prompt', HTMLElement).focus();
});
addEventListener('popstate', arrive);
await Promise.all([arrive(), queue.look()]);
