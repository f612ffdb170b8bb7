import type { FastifyReply, FastifyRequest } from 'fastify';

/** Whoever follows a stream, or waits, is asked so often whether it still may. Milliseconds. */
const welcomeMs = 1000;

/**
 * Of an answer that takes long: aborts when the server closes, and when whoever waits for it may do so no longer; a reader of a stream
 * hears why when it connects again. `onClose`: once, when the answer is over for whatever reason.
 */
export function streamEnd(
  { caller }: FastifyRequest,
  { raw }: FastifyReply,
  closing: AbortSignal,
  onClose = () => {},
): AbortSignal {
  const ending = new AbortController();
  const end = () => ending.abort();
  closing.addEventListener('abort', end);
  if (closing.aborted) end();
  const asking = setInterval(async () => {
    if (!(await caller.isWelcome())) end();
  }, welcomeMs);
  const over = () => {
    clearInterval(asking);
    closing.removeEventListener('abort', end);
    onClose();
  };
  if (raw.destroyed) over();
  else raw.once('close', over);
  return ending.signal;
}
