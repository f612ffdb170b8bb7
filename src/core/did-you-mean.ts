import { nearest } from './nearest.js';

/** ` (did you mean 'videos'?)`; empty when no name is near. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const meant = nearest(name, names);
  return meant === undefined ? '' : ` (did you mean '${meant}'?)`;
}
