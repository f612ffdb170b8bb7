import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../core/errors.js';
import type { Prompt, PromptPart } from '../events/prompt.js';

/** One answered prompt. File names are relative to the gallery's folder, with forward slashes. */
export interface GalleryEntry {
  job: string;
  /** As the user said it. */
  promptText: string;
  /** As it was composed for the model. */
  composed: Prompt;
  /** Places of its parts that the model did not read. */
  unread?: readonly number[];
  /**
   * What was retrieved, best first. With the image's `sha256` the composed prompt shows it in its place. `clip`: the file of a
   * motion example.
   */
  context: { caption: string; image: string; score: number; sha256?: string; clip?: string }[];
  video: string;
  model: string;
  backend: string;
  seed: number;
  /** From the request to the finished video. */
  seconds: number;
}

export interface GalleryFacts {
  /** Documents in the corpus that could be retrieved. */
  documents: number;
  /** A contact sheet to show at the end, relative to the folder. */
  contactSheet?: string;
}

/**
 * Writes index.html into a folder that already holds the videos and images it names: no scripts, no foreign hosts, so
 * the folder can be opened, zipped and sent as it is.
 *
 * @returns the page's path
 * @throws USAGE when a file name leads out of the folder
 */
export async function gallery(entries: GalleryEntry[], dir: string, facts: GalleryFacts): Promise<string> {
  const file = join(dir, 'index.html');
  const page = galleryPage(entries, facts);
  await mkdir(dir, { recursive: true });
  await writeFile(file, page);
  return file;
}

/** The page alone, as text. */
export function galleryPage(entries: GalleryEntry[], { documents, contactSheet }: GalleryFacts): string {
  const told = `${count(entries.length, 'prompt')}, grounded in a corpus of ${count(documents, 'document')}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'">
<title>vimi: ${text(told)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>vimi</h1>
<p>${text(told)}</p>
</header>
<main>
${entries.map(article).join('\n')}
</main>
${contactSheet === undefined ? '' : `<footer><h2>All at once</h2><img src="${local(contactSheet)}" alt="contact sheet of all videos"></footer>`}
</body>
</html>
`;
}

function article(entry: GalleryEntry): string {
  const { job, promptText, composed, unread = [], context, video, model, backend, seed, seconds } = entry;
  return `<article>
<figure class="answer"><video src="${local(video)}" loop muted autoplay playsinline controls aria-label="${text(`video of: ${promptText}`)}"></video></figure>
<div class="told">
<h2>${text(promptText)}</h2>
<h3>Retrieved</h3>
${context.length === 0 ? '<p class="none">nothing that fitted</p>' : `<ol class="context">${context.map(document).join('')}</ol>`}
<h3>What the model read</h3>
<p class="composed">${composed.instruction ? `<span class="instruction">${text(composed.instruction)}</span> ` : ''}${composed.parts.flatMap((part, n) => (unread.includes(n) ? [] : read(part, context))).join(' ')}</p>
${unread.length === 0 ? '' : `<p class="none">given, and not read by ${text(model)}: ${unread.map((n) => read(composed.parts[n]!, context)).join(', ')}</p>`}
<dl>${facts({ task: composed.task, model, backend, seed, time: `${seconds.toFixed(1)} s`, job })}</dl>
</div>
</article>`;
}

function document({ caption, image, score, clip }: GalleryEntry['context'][number]): string {
  const shown =
    clip === undefined
      ? `<img src="${local(image)}" alt="">`
      : `<video src="${local(clip)}" poster="${local(image)}" loop muted autoplay playsinline aria-label="motion example"></video>`;
  return `<li>${shown}<span>${text(caption)}</span>${clip === undefined ? '' : '<small>motion</small>'}<small title="reciprocal-rank-fusion score">${score.toFixed(4)}</small></li>`;
}

function read(part: PromptPart, context: GalleryEntry['context']): string {
  if ('text' in part) return `<span>${text(part.text)}</span>`;
  if ('clip' in part) return `<code>${text(`motion clip${part.caption && `: ${part.caption}`}`)}</code>`;
  const known = context.find(({ sha256 }) => sha256 === part.image.sha256);
  if (known) return `<img src="${local(known.image)}" alt="${text(`${part.role} image`)}" title="${text(part.role)}">`;
  return `<code>${text(`${part.role} image ${part.image.sha256.slice(0, 8)}`)}</code>`;
}

const facts = (named: Record<string, string | number>) =>
  Object.entries(named)
    .map(([name, value]) => `<div><dt>${text(name)}</dt><dd>${text(String(value))}</dd></div>`)
    .join('');

const count = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

/** Prompts and captions come from strangers: nothing of them may become markup, in an element or in an attribute. */
function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\P{Cc}\t\n]/gu, '\u{fffd}');
}

/** A file below the gallery's folder as an address: each step escaped, so that no name can be a scheme, host or query. */
function local(name: string): string {
  const steps = name.split('/');
  if (name.includes('\\') || steps.some((step) => step === '' || step === '.' || step === '..'))
    throw new VimiError('USAGE', 'A gallery shows files of its own folder only', {
      expected: 'a relative name such as videos/1.mp4',
      found: name,
    });
  return `./${steps.map((step) => text(encodeURIComponent(step))).join('/')}`;
}

const style = `
:root { color-scheme: light dark; --paper: #f6f7f8; --card: #fff; --ink: #1d2126; --soft: #5b6570; --line: #dfe3e8; --tint: #eef4ff; --accent: #2158c9; }
@media (prefers-color-scheme: dark) { :root { --paper: #121519; --card: #1b2026; --ink: #e6e9ed; --soft: #98a3af; --line: #2d353e; --tint: #1c2738; --accent: #86aefc; } }
* { box-sizing: border-box; margin: 0; }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem; }
header { margin-bottom: 2rem; }
h1 { font-size: 2rem; letter-spacing: -0.02em; }
header p, .none { color: var(--soft); }
article { display: grid; grid-template-columns: 17rem minmax(0, 1fr); gap: 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.25rem; margin-bottom: 1.5rem; }
h2 { font-size: 1.3rem; line-height: 1.3; overflow-wrap: anywhere; }
h3 { font-size: 0.75rem; font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase; color: var(--soft); margin: 1.1rem 0 0.4rem; }
.answer video { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 8px; background: var(--line); image-rendering: pixelated; }
.context { display: flex; flex-wrap: wrap; gap: 0.6rem; list-style: none; padding: 0; }
.context li { display: flex; flex-direction: column; align-items: center; width: 8rem; padding: 0.6rem 0.5rem; border: 1px solid var(--line); border-radius: 10px; text-align: center; font-size: 0.85rem; line-height: 1.3; overflow-wrap: anywhere; }
.context li:first-child { border-color: var(--accent); }
.context img, .context video { width: 64px; height: 64px; object-fit: contain; margin-bottom: 0.35rem; background: #fff; border-radius: 6px; }
small { color: var(--soft); font-variant-numeric: tabular-nums; margin-top: auto; }
.composed { background: var(--tint); border-radius: 8px; padding: 0.5rem 0.75rem; overflow-wrap: anywhere; }
.composed img { width: 28px; height: 28px; object-fit: contain; vertical-align: middle; background: #fff; border-radius: 4px; }
.instruction { color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; margin-top: 1.1rem; padding-top: 0.8rem; border-top: 1px solid var(--line); font-size: 0.85rem; }
dl div { display: flex; gap: 0.4rem; min-width: 0; }
dt { color: var(--soft); }
dd { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
footer img { max-width: 100%; margin-top: 0.8rem; border: 1px solid var(--line); border-radius: 10px; background: #fff; }
@media (max-width: 44rem) { article { grid-template-columns: 1fr; } }
`;
