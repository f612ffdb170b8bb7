import { foreign } from './foreign.js';

/** @typedef {import('./api.js').Video} Video */

/**
 * A job's state in words.
 * @param {Video} video
 */
export function stateOf({ status, queue, progress, error }) {
  if (status === 'queued') {
    if (!queue || queue.ahead === 0) return 'Waiting, next in line';
    return `Waiting, number ${queue.position} in line`;
  }
  if (status === 'in_progress') return `Drawing, ${progress} %`;
  if (status === 'failed') return `Failed: ${error ? foreign(error.message) : 'no reason given'}`;
  return status === 'completed' ? 'Done' : 'Cancelled';
}

/**
 * What is asked for, as a title.
 * @param {Video} video
 */
export function titleOf({ prompt }) {
  return prompt?.trim() || 'a prompt without words';
}

/** @param {number} seconds since 1970 */
export function timeOf(seconds) {
  const moment = new Date(seconds * 1000);
  const isToday = moment.toDateString() === new Date().toDateString();
  return moment.toLocaleString('en-GB', {
    ...(!isToday && { day: 'numeric', month: 'short' }),
    timeStyle: undefined,
    hour: '2-digit',
    minute: '2-digit',
  });
}
