import type { FastifyRequest } from 'fastify';
import type { Telemetry } from '../app/telemetry/open-telemetry.js';
import type { RequestSpan } from '../app/telemetry/request-span.js';
import type { App } from './app.js';

/** Asked all the time, and of no interest to anybody. */
const unseen = new Set(['/health', '/ready', '/metrics']);

/** Whoever asked did not wait for the answer. */
const gone = 499;

/** A span for each answer. What a request brings about, such as a job, is its child. */
export function traceRequests(app: App, telemetry: Telemetry): void {
  const open = new WeakMap<FastifyRequest, RequestSpan>();
  const end = (request: FastifyRequest, status: number) => {
    open.get(request)?.end(status);
    open.delete(request);
  };
  app.addHook('onRequest', async (request) => {
    const { method, headers } = request;
    const route = request.routeOptions.url ?? 'unknown';
    if (unseen.has(route)) return;
    const given = headers.traceparent;
    const span = telemetry.ofRequest({ method, route, traceparent: typeof given === 'string' ? given : undefined });
    open.set(request, span);
    headers.traceparent = span.traceparent;
  });
  app.addHook('onResponse', async (request, reply) => end(request, reply.statusCode));
  app.addHook('onRequestAbort', async (request) => end(request, gone));
}
