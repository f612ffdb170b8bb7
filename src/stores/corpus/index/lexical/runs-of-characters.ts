import type { Run } from './postings.js';

/**
 * Where characters stand next to each other: of each character's runs (labels with places, both ascending) those places
 * that the next character follows. Returns labels with how often they have the whole run.
 */
export function adjacent(characters: readonly (readonly Run[])[]): Run[] {
  const lists = characters.map((runs, offset) => ({ offset, keys: keysOf(runs) }));
  const rarest = lists.reduce((least, list) => (list.keys.length < least.keys.length ? list : least));
  const [labels, counts] = [[] as number[], [] as number[]];
  for (const key of rarest.keys) {
    const start = key - rarest.offset;
    // A place before the first one would belong to another label.
    if (Math.floor(start / places) !== Math.floor(key / places)) continue;
    if (!lists.every((list) => list === rarest || has(list.keys, start + list.offset))) continue;
    const label = Math.floor(key / places);
    if (labels.at(-1) === label) counts[counts.length - 1]!++;
    else {
      labels.push(label);
      counts.push(1);
    }
  }
  return [{ labels: Uint32Array.from(labels), values: Uint16Array.from(counts), from: 0, to: labels.length }];
}

const places = 65_536;

/** Label and place as one number. */
function keysOf(runs: readonly Run[]): Float64Array {
  const keys = new Float64Array(runs.reduce((sum, { from, to }) => sum + to - from, 0));
  let n = 0;
  for (const { labels, values, from, to } of runs)
    for (let i = from; i < to; i++) keys[n++] = labels[i]! * places + values[i]!;
  return keys;
}

function has(keys: Float64Array, wanted: number): boolean {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return keys[low] === wanted;
}
