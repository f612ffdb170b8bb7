import type { FastifyReply } from 'fastify';

/** Aborted when the caller is gone. */
export function gone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (raw.destroyed) controller.abort();
  else raw.once('close', () => controller.abort());
  return controller.signal;
}
