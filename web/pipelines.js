import { Problem, read } from './api.js';
import { drawFlow } from './flow-drawing.js';
import { countOf, durationOf, rateOf } from './numbers.js';
import { made, part, write } from './part.js';
import { troubleOf } from './trouble.js';

/** @typedef {import('./flow-drawing.js').Pipeline} Pipeline */
/** @typedef {import('./flow-drawing.js').Step} Step */
/** @typedef {{ key: string, card: HTMLElement, tell: (now: Pipeline, chosen: string | undefined) => void }} Card */

/** Seconds between the two looks of the server: each answer takes as long. */
const over = 2;
const againMs = 2000;

/** @type {Record<Pipeline['state'], string>} */
const states = { running: 'runs', paused: 'paused', starting: 'starts', absent: 'not in this process' };

/** The pipelines, with numbers that go on by themselves while somebody sees them. */
export function showPipelines() {
  const trouble = troubleOf('the pipelines');
  const list = part('pipelines-list', HTMLElement);
  const state = part('pipelines-state', HTMLElement);
  /** @type {Map<string, Card>} */
  const cards = new Map();
  let leave = new AbortController();
  /** PIPELINE.STEP */
  let chosen = '';
  let told = 0;

  /** @param {Pipeline[]} pipelines */
  const tell = (pipelines) => {
    for (const pipeline of pipelines) {
      const key = JSON.stringify([
        pipeline.from,
        pipeline.to,
        pipeline.rejects,
        pipeline.steps.map(({ step }) => step),
      ]);
      let known = cards.get(pipeline.name);
      if (known?.key !== key) {
        const next = cardOf(pipeline, key);
        if (known) known.card.replaceWith(next.card);
        else list.append(next.card);
        cards.set(pipeline.name, next);
        known = next;
      }
      const isHere = chosen.startsWith(`${pipeline.name}.`);
      known.tell(pipeline, isHere ? chosen.slice(pipeline.name.length + 1) : undefined);
    }
    for (const [name, { card }] of cards)
      if (!pipelines.some((one) => one.name === name)) {
        card.remove();
        cards.delete(name);
      }
  };
  /** @param {AbortSignal} signal */
  const watch = async (signal) => {
    for (let first = true; !signal.aborted; first = false) {
      if (document.hidden) {
        await seen(signal);
        continue;
      }
      try {
        const { data } = await read(`/v1/pipelines?over=${first ? 0 : over}`, { signal });
        if (signal.aborted) return;
        latest = data;
        told = Date.now();
        tell(data);
        trouble(undefined);
        write(state, '');
      } catch (error) {
        if (signal.aborted) return;
        trouble(error);
        if (told) write(state, `These numbers are from ${new Date(told).toLocaleTimeString('en-GB')}.`);
        if (error instanceof Problem && error.status === 403) return;
        await pause(againMs, signal);
      }
    }
  };
  /** @type {Pipeline[]} */
  let latest = [];

  return {
    /** @param {string} step PIPELINE.STEP whose numbers are shown at length; empty: none */
    open(step) {
      chosen = step;
      document.title = `${step || 'Pipelines'} · vimi`;
      tell(latest);
      if (!leave.signal.aborted && told) return;
      leave.abort();
      leave = new AbortController();
      watch(leave.signal);
    },
    close() {
      leave.abort();
      trouble(undefined);
    },
  };
}

/**
 * @param {Pipeline} pipeline
 * @param {string} key what it is drawn from
 * @returns {Card}
 */
function cardOf(pipeline, key) {
  const { picture, tell } = drawFlow(pipeline);
  const pill = made('span', { className: 'pill' });
  const summary = made('p', { className: 'hint' });
  const ends = made('p', { className: 'hint' });
  const troubles = made('div', { role: 'status' });
  const facts = made('dl', { hidden: true, className: 'step-facts' });
  const card = made('section', { className: 'card pipeline' });
  const title = made('h2', {}, pipeline.name);
  title.append(pill);
  /** @type {string | undefined} */
  let shown;
  card.ariaLabel = pipeline.name;
  card.append(title, summary, ends, troubles, picture, facts);
  return {
    key,
    card,
    tell(now, chosen) {
      card.dataset.state = now.state;
      write(pill, states[now.state]);
      write(summary, summaryOf(now));
      write(ends, now.state === 'absent' ? 'Another process may run it.' : endsOf(now));
      const words = now.troubles.map(
        ({ step, code, message, remedy }) => `Paused at ${step}, ${code}: ${message} ${remedy}`,
      );
      if (troubles.dataset.told !== words.join('\n')) {
        troubles.dataset.told = words.join('\n');
        troubles.replaceChildren(...words.map((text) => made('p', { className: 'wrong' }, text)));
      }
      tell(now, chosen);
      const step = now.steps.find((one) => one.step === chosen);
      facts.hidden = !step;
      if (step) facts.replaceChildren(...factsOf(now, step));
      // What is told of a step covers nothing of it.
      if (step && shown !== chosen) picture.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
      shown = chosen;
    },
  };
}

/** @param {Pipeline} pipeline */
function summaryOf({ rate, in_flight, max_in_flight, awaiting_commit, waiting: without, state }) {
  const behind =
    without === null
      ? 'waiting unknown: the log does not answer'
      : `${countOf(Math.max(0, without - in_flight))} waiting`;
  if (state === 'absent') return behind;
  const waiting = awaiting_commit > 0 ? [`${countOf(awaiting_commit)} await their commit`] : [];
  return [rateOf(rate), `${countOf(in_flight)} of ${countOf(max_in_flight)} in flight`, ...waiting, behind].join(' · ');
}

/** @param {Pipeline} pipeline */
function endsOf({ delivered, rejected, dropped }) {
  return `${countOf(delivered)} delivered · ${countOf(rejected)} rejected · ${countOf(dropped)} dropped`;
}

/**
 * @param {Pipeline} pipeline
 * @param {Step} step
 */
function factsOf({ name }, { step, operator, segment, rate, in_flight, p50, p99, oldest, rejected }) {
  /** @type {[string, string][]} */
  const facts = [
    ['Step', step],
    ...(operator === step ? [] : [/** @type {[string, string]} */ (['Operator', operator])]),
    ...(segment === null ? [] : [/** @type {[string, string]} */ (['Segment', segment])]),
    ['Rate', rateOf(rate)],
    ['In flight', countOf(in_flight)],
    ['Half take at most', durationOf(p50)],
    ['99 % take at most', durationOf(p99)],
    ['Oldest', oldest > 0 ? durationOf(oldest) : '–'],
    ['Rejected', countOf(rejected)],
    ['See it', `vimi tap ${name}.${step}`],
  ];
  return facts.map(([what, value]) => made('div', {}, made('dt', {}, what), made('dd', {}, value)));
}

/**
 * Resolves when the page is looked at, or nobody waits for that any more.
 * @param {AbortSignal} signal
 */
function seen(signal) {
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener('visibilitychange', done);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
