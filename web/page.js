import { read } from './api.js';
import { prepareForm } from './ask.js';
import { showCorpus } from './corpus.js';
import { placeBeside, showJob } from './job.js';
import { part } from './part.js';
import { showPipelines } from './pipelines.js';
import { showQueue } from './queue.js';
import { showRejects } from './rejects.js';
import { troubleOf } from './trouble.js';

/*
 * The page of `vimi run`. Its address names what is shown, so that it can be shared and loaded again: /?job=ID, and &beside=ID
 * for two next to each other; /?corpus=TEXT searches the corpus; /?pipelines=PIPELINE.STEP; /?rejects=PLACE.
 */

/** @typedef {import('./api.js').Video} Video */
/** @typedef {'videos' | 'corpus' | 'pipelines' | 'rejects'} View */

const trouble = troubleOf('opening a job');
const whenPlaying = () => {
  if (job.plays && beside?.plays) for (const one of [job, beside]) one.restart();
};
const around = {
  ...{ onAsked: go, onCompare: go, onPlays: whenPlaying },
  onChange: () => queue.look(),
  onTold: (/** @type {Video} */ video) => queue.hear(video),
};
const putBeside = placeBeside();
const job = showJob('job', around);
/** Where there was a need for it. @type {ReturnType<typeof showJob> | undefined} */
let beside;
const queue = showQueue((videos) => {
  for (const one of [job, beside]) one?.hear(videos);
});
const corpus = showCorpus((query) => {
  history.pushState(null, '', `/?corpus=${encodeURIComponent(query)}`);
  corpus.open(query);
});
const pipelines = showPipelines();
const rejects = showRejects();
prepareForm(go);

/**
 * Shows a job that was just asked for, and another one beside it.
 * @param {Video} video
 * @param {Video} [other]
 */
function go(video, other) {
  const query = new URLSearchParams({ job: video.id, ...(other && { beside: other.id }) });
  history.pushState(null, '', `/?${query}`);
  trouble(undefined);
  open(video, other);
  part('job-title', HTMLElement).focus();
}

/**
 * Shows videos, and these jobs among them.
 * @param {Video | undefined} video
 * @param {Video} [other]
 */
function open(video, other) {
  show('videos');
  queue.select(video?.id, other?.id);
  job.open(video, other !== undefined);
  if (other && !beside) {
    putBeside();
    beside = showJob('beside', around);
  }
  beside?.open(other, true);
}

/** @param {View} view */
function show(view) {
  for (const [id, of] of [
    ...[
      ['corpus', 'corpus'],
      ['pipelines', 'pipelines'],
      ['rejects', 'rejects'],
      ['reject', 'rejects'],
    ],
    ...[
      ['ask', 'videos'],
      ['queue', 'videos'],
      ['jobs', 'videos'],
    ],
  ])
    part(String(id), HTMLElement).hidden = of !== view;
  for (const name of ['videos', 'corpus', 'pipelines', 'rejects'])
    part(`to-${name}`, HTMLElement).ariaCurrent = view === name ? 'page' : null;
  if (view !== 'pipelines') pipelines.close();
  if (view !== 'rejects') rejects.close();
}

/**
 * What the address names.
 * @returns {{ view: View, name: string, beside: string }}
 */
function named() {
  const query = new URLSearchParams(location.search);
  const view = /** @type {const} */ (['corpus', 'pipelines', 'rejects']).find((one) => query.has(one));
  if (view) return { view, name: query.get(view) ?? '', beside: '' };
  return { view: 'videos', name: query.get('job') ?? '', beside: query.get('beside') ?? '' };
}

/** Shows what the address names. */
async function arrive() {
  const { view, name, beside: other } = named();
  trouble(undefined);
  if (view !== 'videos') {
    open(undefined);
    show(view);
    return { corpus, pipelines, rejects }[view].open(name);
  }
  if (!name) return open(undefined);
  const here = location.search;
  const found = await Promise.allSettled(
    [name, other].filter(Boolean).map((id) => read(`/v1/videos/${encodeURIComponent(id)}`)),
  );
  if (location.search !== here) return;
  const [video, second] = found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  open(video, second);
  for (const one of found) if (one.status === 'rejected') trouble(one.reason);
}

document.addEventListener('click', async (event) => {
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  // Links of drawings are no anchors of HTML.
  const to = URL.parse(link?.getAttribute('href') ?? '', location.href);
  if (!link || !to || !isPlain || link.hasAttribute('download')) return;
  if (to.origin !== location.origin || to.pathname !== '/' || to.hash) return;
  event.preventDefault();
  const before = named();
  history.pushState(null, '', to.href);
  await arrive();
  const { view, name } = named();
  // Whoever chose a step stays at it.
  if (view === 'pipelines' && before.view === view) return;
  const titles = { videos: name ? 'job-title' : 'prompt', rejects: name ? 'reject-title' : 'rejects-title' };
  part({ corpus: 'corpus-title', pipelines: 'pipelines-title', ...titles }[view], HTMLElement).focus();
});
addEventListener('popstate', arrive);
await Promise.all([arrive(), queue.look()]);
