/** Small rates are told a minute. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  return perSecond >= 1 ? `${Number(perSecond.toPrecision(3))}/s` : `${Number((perSecond * 60).toPrecision(2))}/min`;
}

export function time(seconds: number | null): string {
  if (seconds === null) return '–';
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  return seconds < 120 ? `${Number(seconds.toPrecision(3))} s` : `${Math.round(seconds / 60)} min`;
}
