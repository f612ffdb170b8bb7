import type { Metrics } from '../streams/delivery/metrics.js';
import { answers, bytes } from './answers/answers.js';
import type { App } from './app.js';

/**
 * GET /metrics for Prometheus, /health for whoever asks whether the process lives, /ready for whether it works. `isFull`: its queue takes
 * nothing more.
 */
export function addProbes(app: App, { registry, readiness }: Metrics, isFull = () => false): void {
  const text = 'text/plain';
  app.get(
    '/health',
    {
      schema: {
        ...about('getHealth', 'Whether the process lives'),
        response: answers({ 200: bytes('It does.', text) }),
      },
    },
    (_, reply) => reply.type(text).send('ok\n'),
  );
  app.get(
    '/ready',
    {
      schema: {
        ...about('getReady', 'Whether the process works: it has started, and no pipeline is paused'),
        response: answers({
          200: bytes('READY, or BUSY while the queue of requests is full.', text),
          503: bytes('STARTING or UNHEALTHY, and the reasons, one a line.', text),
        }),
      },
    },
    (_, reply) => {
      const { state, reasons } = readiness();
      const isReady = state === 'READY';
      return reply
        .code(isReady ? 200 : 503)
        .type('text/plain; charset=utf-8')
        .send(`${[isReady && isFull() ? 'BUSY' : state, ...reasons].join('\n')}\n`);
    },
  );
  app.get(
    '/metrics',
    {
      schema: {
        ...about('getMetrics', 'Metrics in the format of Prometheus'),
        response: answers({ 200: bytes('All metrics.', text), 503: bytes('Why they cannot be given now.', text) }),
      },
    },
    async (_, reply) => {
      try {
        const metrics = await registry.metrics();
        return reply.header('content-type', registry.contentType).send(metrics);
      } catch (error) {
        // The lag comes from the transport, which may be away for a moment.
        return reply
          .code(503)
          .type(text)
          .send(`${(error as Error).message}\n`);
      }
    },
  );
}

function about(operationId: string, summary: string) {
  // Nobody is asked for a key.
  return { tags: ['operations'], operationId, summary, security: [] };
}
