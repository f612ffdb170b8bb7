import { Problem, Unreachable } from './api.js';
import { foreign } from './foreign.js';
import { part, write } from './part.js';

/** @type {Map<string, Error>} */
const troubles = new Map();

/**
 * Gives what tells of the trouble that some work has, until that work is told to be well again (undefined).
 * @param {string} work
 * @returns {(error: unknown) => void}
 */
export function troubleOf(work) {
  return (error) => {
    if (error instanceof Error) troubles.set(work, error);
    else troubles.delete(work);
    if (error !== undefined && !(error instanceof Problem || error instanceof Unreachable)) console.error(error);
    const place = part('trouble', HTMLElement);
    // The same trouble of several is told once.
    write(place, [...new Set([...troubles.values()].map(({ message }) => foreign(message)))].join(' '));
    place.hidden = troubles.size === 0;
  };
}
