import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { compiled } from './compiled.js';

/** Code that others wrote: who runs it, by the file that it is in. */
export interface WatchedStep {
  pipeline: string;
  step: string;
  /** The path of its module. */
  module: string;
}

export interface ThreadWatchData {
  /** First a number that moves on while the thread comes back to its event loop; then 1 while a debugger can attach, else 0. */
  beats: Int32Array;
  steps: readonly WatchedStep[];
  beatMs: number;
}

/**
 * Watches this thread from another one: code that does not give the thread back stops everything else of the process, its own
 * watches too. The other thread then asks the engine where this one is, and writes that to stderr as a line of the log. It does
 * not ask where a debugger may be attached: that would end the debugger's own pause. Gives what ends the watch.
 */
export function watchThread(steps: readonly WatchedStep[], beatMs = 1_000): () => Promise<void> {
  const beats = new Int32Array(new SharedArrayBuffer(8));
  const beat = () => {
    Atomics.store(beats, 1, inspectorUrl() ? 1 : 0);
    Atomics.add(beats, 0, 1);
  };
  beat();
  const beating = setInterval(beat, beatMs).unref();
  const worker = new Worker(compiled(import.meta.url, './thread-watch-worker.js'), {
    workerData: { beats, steps, beatMs } satisfies ThreadWatchData,
    execArgv: [],
  });
  worker.unref();
  // Without a watch the process works as well.
  worker.on('error', () => {});
  return async () => {
    clearInterval(beating);
    await worker.terminate();
  };
}
