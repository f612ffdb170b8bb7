/*
 * Times of bench/search.mjs: processor time of all threads of a side, so that a busy machine disturbs little, and the clock beside it.
 */
import { readFileSync } from 'node:fs';

export function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Of another process: in steps of 10 ms, so for long work only. */
export function processorMsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Bytes of another process in memory. */
export function memoryOf(pid) {
  return 4096 * Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
}

/** What each search took, and what it found. */
export async function searchRound(asked, search) {
  const [times, wall, found] = [[], [], []];
  for (const query of asked) {
    const [start, before] = [performance.now(), processorMs()];
    found.push(await search(query));
    times.push(processorMs() - before);
    wall.push(performance.now() - start);
  }
  return { times, wall, found };
}

/** Of several rounds. */
export function summary(rounds) {
  const times = rounds.flatMap(({ times }) => times);
  const wall = rounds.flatMap(({ wall }) => wall);
  return { ...spread(times), wall: spread(wall) };
}

function spread(times) {
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), mean };
}

function quantile(numbers, part) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
