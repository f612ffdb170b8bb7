import { countOf, durationOf, rateOf } from './numbers.js';

/*
 * A pipeline as a picture that lives: from its topic down through its steps, and out to where its results go. Steps are links,
 * so they are reached by Tab and have addresses. The picture is drawn once; afterwards only its numbers change.
 */

/** @typedef {{ step: string, operator: string, segment: string | null, rate: number | null, in_flight: number, p50: number | null, p99: number | null, oldest: number, rejected: number }} Step */
/** @typedef {{ code: string, step: string, message: string, remedy: string }} Trouble */
/**
 * @typedef {{
 *   name: string, state: 'running' | 'paused' | 'starting' | 'absent', troubles: Trouble[], from: string,
 *   to: ({ topic: string } | { objects: string })[], rejects: string | null, rate: number | null, lag: number | null, waiting: number | null,
 *   delivered: number, rejected: number, dropped: number, in_flight: number, max_in_flight: number, awaiting_commit: number,
 *   steps: Step[],
 * }} Pipeline
 */

const width = 320;
const box = { width: 284, height: 54, gap: 20 };
const indent = 34;
/** Characters that fit a box beside its numbers, and without any. */
const fits = { beside: 20, alone: 31 };

/**
 * @param {Pipeline} pipeline
 * @returns {{ picture: SVGSVGElement, tell: (now: Pipeline, chosen: string | undefined) => void }}
 */
export function drawFlow(pipeline) {
  const { name, from, steps, to, rejects } = pipeline;
  /** @type {((now: Pipeline, chosen: string | undefined) => void)[]} */
  const tellers = [];
  const picture = shape('svg', { role: 'group', 'aria-label': `Flow of ${name}` });
  const under = shape('g', {});
  picture.append(under);
  let y = 2;

  const source = node({ x: 0, y, kind: 'topic', label: from, note: 'topic' });
  picture.append(source.group);
  tellers.push((now) => source.say(now.lag === null ? 'lag unknown' : `lag ${countOf(now.lag)}`));
  y += box.height;

  /** @type {{ segment: string, from: number, to: number } | undefined} */
  let run;
  const closeRun = () => {
    if (run) under.prepend(...segment(run));
    run = undefined;
  };
  steps.forEach((step, place) => {
    const edge = arrow(y);
    y += box.gap;
    if (run?.segment !== step.segment) closeRun();
    if (step.segment !== null) run = { segment: step.segment, from: run?.from ?? y, to: y + box.height };
    const link = shape('a', { href: `/?pipelines=${encodeURIComponent(`${name}.${step.step}`)}` });
    const { group, say, note, fill } = node({ x: 0, y, kind: 'step', label: step.step });
    link.append(group);
    picture.append(edge, link);
    tellers.push((now, chosen) => {
      const one = now.steps[place] ?? step;
      const trouble = now.troubles.find((each) => each.step === one.step);
      const numbers = trouble ? `paused: ${trouble.code}` : numbersOf(one);
      say(rateOf(one.rate));
      note(numbers);
      fill(now.max_in_flight > 0 ? one.in_flight / now.max_in_flight : 0);
      link.classList.toggle('paused', Boolean(trouble));
      link.toggleAttribute('data-busy', one.in_flight > 0);
      edge.toggleAttribute('data-flows', (one.rate ?? 0) > 0);
      if (chosen === one.step) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    });
    y += box.height;
  });
  closeRun();

  const ends = [
    ...to.map((sink) =>
      'topic' in sink ? { kind: 'topic', label: sink.topic } : { kind: 'objects', label: sink.objects },
    ),
    ...(rejects === null ? [] : [{ kind: 'rejects', label: rejects }]),
  ];
  const trunk = y;
  for (const [place, { kind, label }] of ends.entries()) {
    y += place === 0 ? box.gap : box.gap / 2;
    const { group, say } = node({
      x: indent,
      y,
      kind,
      label,
      note: kind === 'objects' ? 'objects' : 'topic',
      low: true,
    });
    under.append(shape('path', { class: 'edge', d: `M16 ${trunk}V${y + 18}H${indent - 2}` }));
    if (kind === 'rejects') {
      const link = shape('a', { href: '/?rejects=' });
      link.append(group);
      picture.append(link);
      tellers.push((now) => say(countOf(now.rejected)));
    } else {
      picture.append(group);
      if (place === 0) tellers.push((now) => say(countOf(now.delivered)));
    }
    y += 36;
  }
  picture.setAttribute('viewBox', `-2 0 ${width + 4} ${y + 4}`);
  return {
    picture,
    tell(now, chosen) {
      for (const tell of tellers) tell(now, chosen);
    },
  };
}

/** @param {Step} step */
function numbersOf({ in_flight, p50, p99 }) {
  const times = p50 === null ? [] : [`p50 ${durationOf(p50)}`, `p99 ${durationOf(p99)}`];
  if (in_flight === 0 && times.length === 0) return 'idle';
  return [`${countOf(in_flight)} in flight`, ...times].join(' · ');
}

/**
 * A box with a label, a number at its right, and a line below.
 * @param {{ x: number, y: number, kind: string, label: string, note?: string, low?: boolean }} options
 */
function node({ x, y, kind, label, note = '', low = false }) {
  const height = low ? 36 : box.height;
  const wide = box.width - x;
  const group = shape('g', { class: `node ${kind}` });
  const radius = kind === 'topic' ? height / 2 : kind === 'step' ? 8 : 3;
  const bar = shape('rect', { class: 'bar', x: x + 10, y: y + height - 6, width: 0, height: 3, rx: 1.5 });
  const name = text('label', x + 16, low ? y + 23 : y + 23, cut(label, low ? 18 : fits.beside));
  const number = text('number', x + wide - 14, low ? y + 23 : y + 23, '');
  const below = text('note', x + 16, y + 41, low ? '' : note);
  // Links are named by the words in them.
  if (name.textContent !== `${label} `) {
    const title = shape('title', {});
    title.textContent = label;
    group.append(title);
  }
  group.append(shape('rect', { class: 'box', x, y, width: wide, height, rx: radius }), bar, name, number, below);
  return {
    group,
    /** @param {string} words */
    say: (words) => put(number, words),
    /** @param {string} words */
    note: (words) => put(below, cut(words, fits.alone + 8)),
    /** @param {number} share */
    fill: (share) => bar.setAttribute('width', String(Math.min(1, share) * (wide - 20))),
  };
}

/** @param {{ segment: string, from: number, to: number }} run */
function segment({ segment: name, from, to }) {
  const middle = (from + to) / 2;
  const words = text('segment-name', 0, 0, cut(name, 24));
  words.setAttribute('transform', `translate(${box.width + 22} ${middle}) rotate(90)`);
  return [
    shape('rect', { class: 'segment', x: -1, y: from - 8, width: width + 1, height: to - from + 16, rx: 12 }),
    words,
  ];
}

/** @param {number} y */
function arrow(y) {
  const middle = box.width / 2;
  const [top, bottom] = [y + 1, y + box.gap - 2];
  return shape('path', {
    class: 'edge',
    d: `M${middle} ${top}V${bottom}M${middle - 4} ${bottom - 5}L${middle} ${bottom}L${middle + 4} ${bottom - 5}`,
  });
}

/**
 * @param {string} kind
 * @param {number} x
 * @param {number} y
 * @param {string} words
 */
function text(kind, x, y, words) {
  const element = shape('text', { class: kind, x, y });
  // The words of two texts are not read as one.
  element.textContent = `${words} `;
  return element;
}

/**
 * @param {SVGElement} element
 * @param {string} words
 */
function put(element, words) {
  if (element.textContent !== `${words} `) element.textContent = `${words} `;
}

/**
 * @param {string} words
 * @param {number} most
 */
function cut(words, most) {
  const letters = [...words];
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : words;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[K]}
 */
function shape(name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
