import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { compiled } from '../../../core/compiled.js';
import { type ErrorCode, VimiError } from '../../../core/errors.js';
import type { AtRest, AtRestCall, AtRestReply } from './at-rest-worker.js';

/** Calls a function of at-rest.ts in a thread of its own. */
export async function callAtRest<M extends keyof AtRest>(
  method: M,
  ...args: Parameters<AtRest[M]>
): Promise<ReturnType<AtRest[M]>> {
  const worker = new Worker(compiled(import.meta.url, './at-rest-worker.js'), {
    workerData: { method, args } satisfies AtRestCall,
    execArgv: [],
  });
  const [reply] = (await once(worker, 'message')) as [AtRestReply];
  if ('error' in reply) throw new VimiError(reply.error.code as ErrorCode, reply.error.message);
  return reply.value as ReturnType<AtRest[M]>;
}
