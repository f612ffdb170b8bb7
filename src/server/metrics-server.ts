import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VimiError } from '../errors.js';
import type { Metrics } from '../streams/metrics.js';

export interface MetricsServer {
  /** http://host:port/metrics */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves GET /metrics for Prometheus, GET /health for whoever asks whether the process lives, and GET /ready for whether
 * it works: 503 with the reasons while it starts, and while a pipeline is paused. Port 0: a free one.
 * USAGE when the address cannot be used.
 */
export async function serveMetrics(
  { registry, hindrances }: Metrics,
  port: number,
  host = '127.0.0.1',
): Promise<MetricsServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = pathOf(request.url ?? '');
    if (request.method !== 'GET' && request.method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else if (path === '/health') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    else if (path === '/ready') {
      const reasons = hindrances();
      response
        .writeHead(reasons.length > 0 ? 503 : 200, { 'content-type': 'text/plain; charset=utf-8' })
        .end(`${reasons.join('\n') || 'ready'}\n`);
    } else if (path !== '/metrics') response.writeHead(404).end();
    else {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    }
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      // The lag comes from the transport, which may be away for a moment.
      if (response.headersSent) response.destroy();
      else response.writeHead(503, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
    });
  });
  // Whoever opens connections and says nothing takes no file handles from the run.
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new VimiError('USAGE', 'Metrics cannot be served there', {
          expected: 'a free port and an address of this machine',
          found: cause.message,
          where: `${host}:${port}`,
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  // No request, and no connection that cannot be taken, may end a run.
  server.on('error', () => {});
  // Metrics are no reason to go on when all else has ended.
  server.unref();
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Of a request's target, which can be anything: a proxy's whole address too. What is no path fits none. */
function pathOf(target: string): string {
  const [path = ''] = target.split(/[?#]/, 1);
  return path.replace(/^https?:\/\/[^/]*/i, '');
}
