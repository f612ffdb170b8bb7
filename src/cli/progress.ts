/** A progress bar on a terminal; elsewhere (a pipe, a log) a line now and then. Both go to stderr, so stdout stays clean. */
export interface Progress {
  /** `done` of `total`; a total of 0 shows a count and its rate alone, and 0 of 0 nothing. `note` stands behind the bar. */
  update(done: number, total: number, note?: string): void;
  finish(note?: string): void;
}

const width = 28;

export function progress(
  label: string,
  { stream = process.stderr, now = Date.now }: { stream?: NodeJS.WriteStream; now?: () => number } = {},
): Progress {
  const began = now();
  const rest = restTime(now);
  let shown = 0;
  let last = '';
  /** What a resumed run had already is no work of this one. */
  let first: { done: number; at: number } | undefined;
  const line = (done: number, total: number, note: string) => {
    const share = total > 0 ? Math.min(1, done / total) : 0;
    const filled = Math.round(share * width);
    const bar = total > 0 ? `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}` : `${done}`;
    const left = rest(done, total);
    first ??= { done, at: now() };
    const since = now() - first.at;
    const speed = left !== null || (total === 0 && since >= 2000) ? rate(done - first.done, since) : '';
    const ahead = left !== null ? `${speed}, ${duration(left)} left  ` : speed && `${speed}  `;
    return `${label} ${bar} ${ahead}${note}`.trimEnd();
  };
  return {
    update(done, total, note = '') {
      if (done === 0 && total === 0) return;
      const text = line(done, total, note);
      const moment = now();
      if (stream.isTTY) {
        if (moment - shown < 80 && done < total) return;
        stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 100) - 1)}`);
      } else {
        if (moment - shown < 5000 || text === last) return;
        stream.write(`${text}\n`);
        last = text;
      }
      shown = moment;
    },
    finish(note) {
      if (stream.isTTY) stream.write('\r\x1b[K');
      if (note !== undefined) stream.write(`${label} ${note} (${duration((now() - began) / 1000)})\n`);
    },
  };
}

/** `3.4/s`; of what is slower than one a second, `12/min`. */
function rate(done: number, ms: number): string {
  const perSecond = done / (ms / 1000);
  return perSecond >= 1 ? `${Number(perSecond.toPrecision(2))}/s` : `${Number((60 * perSecond).toPrecision(2))}/min`;
}

/**
 * Seconds that are left, from what was done since the first call; null: nobody knows. What it says never rises: it stands
 * still while the estimate is a little above what was said, and when it was far too little, or the work hangs for longer
 * than it ever did before, nothing is said until that is over.
 */
export function restTime(now: () => number): (done: number, total: number) => number | null {
  let first: { done: number; at: number } | undefined;
  let last = { done: 0, at: 0 };
  let longest = 0;
  let said = Number.POSITIVE_INFINITY;
  return (done, total) => {
    const at = now();
    if (!first) {
      first = { done, at };
      last = first;
    }
    if (done > last.done) {
      longest = Math.max(longest, at - last.at);
      last = { done, at };
    }
    const own = last.done - first.done;
    const since = at - last.at;
    if (own === 0 || done >= total || at - first.at < 2000 || since > longest) return null;
    const left = (((last.at - first.at) / own) * (total - done) - since) / 1000;
    if (left > said * 1.1 + 0.1) return null;
    said = Math.max(0, Math.min(left, said));
    return said;
  };
}

export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 72) return `${hours} h ${minutes % 60} min`;
  const days = Math.round(hours / 24);
  return days < 1000 ? `${days} days` : `${Math.round(days / 365.25)} years`;
}
