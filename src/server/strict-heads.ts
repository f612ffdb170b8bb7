import type { FastifyInstance } from 'fastify';
import { VimiError } from '../core/errors.js';

/** Of these a request has one at most: Node keeps the first or joins them, where a proxy in between may read the last. */
const single = new Set(['host', 'authorization', 'content-type', 'idempotency-key', 'last-event-id']);

/**
 * Refuses requests whose head can be read in two ways (HTTP_MALFORMED), before anything else looks at it; says of answers that they are not
 * to be kept, unless their route says otherwise: a cache would tell of a job as it was.
 */
export function readStrictly(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }) => {
    // RFC 9112, 3.2. Node would answer without a problem of RFC 9457.
    if (raw.httpVersion === '1.1' && raw.headers.host === undefined)
      throw new VimiError('HTTP_MALFORMED', 'This request says no host', { expected: 'a Host header' });
    const seen = new Set<string>();
    for (const name of raw.rawHeaders.filter((_, n) => n % 2 === 0).map((one) => one.toLowerCase())) {
      if (single.has(name) && seen.has(name))
        throw new VimiError('HTTP_MALFORMED', 'A header stands twice in this request', {
          expected: 'it once',
          where: name,
        });
      seen.add(name);
    }
  });
  app.addHook('onSend', async (_, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  // RFC 9110, 10.1.1: what nobody knows may be passed over.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}
