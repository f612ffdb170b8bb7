/* Numbers as a person reads them, the same as `vimi top` writes them. */

/** @param {number | null} perSecond small ones are told a minute */
export function rateOf(perSecond) {
  if (perSecond === null) return '–';
  if (perSecond === 0) return '0/s';
  return perSecond >= 1 ? `${Number(perSecond.toPrecision(3))}/s` : `${Number((perSecond * 60).toPrecision(2))}/min`;
}

/** @param {number | null} seconds */
export function durationOf(seconds) {
  if (seconds === null) return '–';
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  return seconds < 120 ? `${Number(seconds.toPrecision(3))} s` : `${Math.round(seconds / 60)} min`;
}

/** @param {number} number */
export function countOf(number) {
  return number.toLocaleString('en-GB');
}
