import { composed, tokens } from './words.js';

/** A run of words within a text: where it begins, and where it ends. */
export interface WordRun {
  from: number;
  to: number;
}

/**
 * Each place where a text has these words one after the other, whatever their case or accents; none overlaps another. The
 * places are those in the `composed` text.
 */
export function wordRuns(text: string, wanted: string): WordRun[] {
  const all = tokens(composed(text));
  const run = tokens(wanted).map(({ word }) => word);
  const runs: WordRun[] = [];
  if (run.length === 0) return runs;
  for (let n = 0; n + run.length <= all.length; n++) {
    if (!run.every((word, i) => all[n + i]!.word === word)) continue;
    const last = all[n + run.length - 1]!;
    runs.push({ from: all[n]!.at, to: last.at + last.text.length });
    n += run.length - 1;
  }
  return runs;
}
