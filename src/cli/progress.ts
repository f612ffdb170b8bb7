/** A progress bar on a terminal; elsewhere (a pipe, a log) a line now and then. Both go to stderr, so stdout stays clean. */
export interface Progress {
  /** `done` of `total`; a total of 0 shows a count alone. `note` stands behind the bar. */
  update(done: number, total: number, note?: string): void;
  finish(note?: string): void;
}

const width = 28;

export function progress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  const began = Date.now();
  let shown = 0;
  let last = '';
  const line = (done: number, total: number, note: string) => {
    const share = total > 0 ? Math.min(1, done / total) : 0;
    const filled = Math.round(share * width);
    const bar = total > 0 ? `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}` : `${done}`;
    return `${label} ${bar} ${remaining(done, total)}${note}`.trimEnd();
  };
  const remaining = (done: number, total: number) => {
    const seconds = (Date.now() - began) / 1000;
    if (done === 0 || total === 0 || done >= total || seconds < 2) return '';
    return `${duration((seconds / done) * (total - done))} left  `;
  };
  return {
    update(done, total, note = '') {
      last = line(done, total, note);
      const now = Date.now();
      if (stream.isTTY) {
        if (now - shown < 80 && done < total) return;
        stream.write(`\r\x1b[K${last.slice(0, (stream.columns ?? 100) - 1)}`);
      } else {
        if (now - shown < 5000) return;
        stream.write(`${last}\n`);
      }
      shown = now;
    },
    finish(note) {
      if (stream.isTTY) stream.write('\r\x1b[K');
      if (note !== undefined) stream.write(`${label} ${note} (${duration((Date.now() - began) / 1000)})\n`);
    },
  };
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
