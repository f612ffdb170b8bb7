import { parentPort, workerData } from 'node:worker_threads';
import { asStorageError } from '../../../core/errors.js';
import { CorpusIndex, type CorpusIndexOptions } from './corpus-index.js';

/*
 * The thread that owns one CorpusIndex. SQLite and hnswlib are synchronous: here they hold nobody up.
 * In: { id, method, args }. Out: { id, value } or { id, error: { code, message } }, and { log: [level, fields, message] }.
 */

export type CorpusMethod = 'search' | 'apply' | 'positions' | 'get' | 'find' | 'state' | 'save' | 'close';
export interface CorpusCall {
  id: number;
  method: CorpusMethod;
  args: unknown[];
}
export type CorpusReply =
  | { id: number; value: unknown }
  | { id: number; error: { code: string; message: string } }
  | { log: Parameters<CorpusIndexOptions['log']> };

const port = parentPort!;
const index = new CorpusIndex({
  ...(workerData as Omit<CorpusIndexOptions, 'log'>),
  log: (...log) => port.postMessage({ log } satisfies CorpusReply),
});

port.on('message', ({ id, method, args }: CorpusCall) => {
  try {
    const value = (index[method] as (...all: unknown[]) => unknown).apply(index, args);
    port.postMessage({ id, value } satisfies CorpusReply);
  } catch (thrown) {
    const { code, message } = asStorageError(thrown);
    port.postMessage({ id, error: { code, message } } satisfies CorpusReply);
  }
  if (method === 'close') {
    port.close();
    return;
  }
  settleWhileIdle();
});

let isSettling = false;

/** Between calls: a call that comes meanwhile waits some milliseconds. */
function settleWhileIdle(): void {
  if (isSettling) return;
  isSettling = true;
  setImmediate(() => {
    isSettling = false;
    if (index.settle()) settleWhileIdle();
  });
}
