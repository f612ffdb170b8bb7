import { parentPort, workerData } from 'node:worker_threads';
import { asStorageError } from '../../../core/errors.js';
import { checkCopy, checkIndex, copyIndex, findInCopy, placeCopy } from './at-rest.js';

/** The thread of one call: { method, args } in its workerData. Out: { value } or { error: { code, message, found } }. */
const methods = { copyIndex, checkCopy, checkIndex, placeCopy, findInCopy };
export type AtRest = typeof methods;
export type AtRestCall = { method: keyof AtRest; args: unknown[] };
export type AtRestReply = { value: unknown } | { error: { code: string; message: string } };

const { method, args } = workerData as AtRestCall;
try {
  const value = (methods[method] as (...all: unknown[]) => unknown)(...args);
  parentPort!.postMessage({ value } satisfies AtRestReply);
} catch (thrown) {
  const { code, message } = asStorageError(thrown);
  parentPort!.postMessage({ error: { code, message } } satisfies AtRestReply);
}
