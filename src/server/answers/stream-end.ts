import type { FastifyReply, FastifyRequest } from 'fastify';

/** Whoever follows a stream is asked so often whether it still may. Milliseconds. */
const welcomeMs = 1000;

/**
 * Of a stream that begins: aborts when the server closes, and when whoever reads it may do so no longer; connecting again it
 * hears why. `onClose`: once, when the stream is over for whatever reason.
 */
export function streamEnd(
  { caller }: FastifyRequest,
  { raw }: FastifyReply,
  closing: AbortSignal,
  onClose: () => void,
): AbortSignal {
  const ending = new AbortController();
  const end = () => ending.abort();
  closing.addEventListener('abort', end);
  if (closing.aborted) end();
  const asking = setInterval(async () => {
    if (!(await caller.isWelcome())) end();
  }, welcomeMs);
  raw.once('close', () => {
    clearInterval(asking);
    closing.removeEventListener('abort', end);
    onClose();
  });
  return ending.signal;
}
