import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { NoPlace } from '../keys/places.js';
import { problemOf, problemType } from './problem.js';

/** Seconds after which whoever was turned away may come again. */
const retryAfter = 5;

/** A client that has its answer and still sends has so long to stop. Milliseconds. */
const lingerMs = 5000;

/** Answers every error as a problem, and every address that is not there. Once it is closing nobody who has an answer keeps sending. */
export function answerFailures(app: FastifyInstance, log: Log, closing?: AbortSignal): void {
  const addresses: { url: string; path: RegExp; method: string }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const path = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:\w+/g, '[^/]+')}$`);
    for (const one of [method].flat()) addresses.push({ url, path, method: one });
  });
  app.setErrorHandler((thrown, request, reply) => {
    const error = ofFastify(thrown, request) ?? asVimiError(thrown);
    if (error.code === 'INTERNAL')
      log.error(
        { error: (thrown as Error).stack, method: request.method, path: request.routeOptions.url },
        'A request failed',
      );
    return sendProblem(reply, error);
  });
  // Answered before all of its body had come, as without a key: nobody holds a connection with what still trickles in.
  const lingering = new Set<IncomingMessage>();
  closing?.addEventListener('abort', () => {
    for (const raw of lingering) raw.destroy();
  });
  app.addHook('onResponse', async ({ raw }) => endSoon(raw, lingering));
  const notFound = (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.split('?', 1)[0]!;
    const fitting = addresses.filter((one) => one.path.test(path));
    // An address with a name of its own is none of those with an id in its place.
    const named = fitting.filter(({ url }) => url === path);
    const allowed = (named.length > 0 ? named : fitting).map(({ method }) => method);
    if (allowed.length === 0 && path !== '*') {
      return sendProblem(reply, new VimiError('ROUTE_UNKNOWN', 'There is nothing at this address'));
    }
    reply.header('allow', [...new Set(allowed.length > 0 ? allowed : ['GET', 'HEAD'])].sort().join(', '));
    const error = new VimiError('ROUTE_UNKNOWN', 'This address does not take this method', { found: request.method });
    return sendProblem(reply, error, 405);
  };
  app.setNotFoundHandler(notFound);
  // Whatever its body is, and before it comes.
  app.addHook('preParsing', async (request, reply) => {
    if (request.is404) await notFound(request, reply);
  });
}

/**
 * Of a body that nobody wants, what still comes is read and thrown away for a while: whoever is cut off in the middle never hears
 * why, and most clients stop when they do.
 */
function endSoon(raw: IncomingMessage, lingering: Set<IncomingMessage>): void {
  if (raw.complete) return;
  raw.unpipe();
  lingering.add(raw);
  const late = setTimeout(() => raw.complete || raw.destroy(), lingerMs);
  late.unref();
  raw.once('close', () => {
    clearTimeout(late);
    lingering.delete(raw);
  });
  raw.resume();
}

export function sendProblem(reply: FastifyReply, error: VimiError, status?: number): FastifyReply {
  const problem = { ...problemOf(error), ...(status !== undefined && { status }) };
  if ((problem.status === 503 || problem.status === 429) && !reply.hasHeader('retry-after'))
    reply.header('retry-after', String(retryAfter));
  if (error instanceof NoPlace) tellPlaces(reply, error);
  // The connection is left to `endSoon`, when this has been said.
  if (problem.status === 413 && !reply.request.raw.complete) reply.removeHeader('connection');
  // As text, so that a route's own schemas leave it as it is.
  return reply
    .code(problem.status)
    .header('content-type', problemType)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(problem);
}

/** Beside what is left of the quota of requests, if there is one: none of these places. */
function tellPlaces(reply: FastifyReply, { places, most }: NoPlace): void {
  for (const [name, value] of [
    ['ratelimit-policy', `"${places}";q=${most}`],
    ['ratelimit', `"${places}";r=0`],
  ] as const)
    reply.header(name, [reply.getHeader(name) ?? [], value].flat().join(', '));
}

export function mediaTypeRefused({ headers }: FastifyRequest): VimiError {
  return new VimiError('HTTP_MEDIA_TYPE', 'The body has a type that this address does not take', {
    found: headers['content-type'] ?? 'no type',
  });
}

/** What Node's parser refuses never becomes a request: it is answered on the connection itself, which ends. */
export function answerUnread({ code }: { code?: string | undefined }, socket: Socket): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  const [status, summary] = unread[code ?? ''] ?? ([400, 'This is no request of HTTP'] as const);
  if (socket.writable) {
    const body = JSON.stringify({ ...problemOf(new VimiError('HTTP_MALFORMED', summary)), status });
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Content-Type: ${problemType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy();
}

const unread: Record<string, readonly [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers of the request are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive'],
};

/** What fastify itself refuses. */
function ofFastify(thrown: unknown, request: FastifyRequest): VimiError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof VimiError) return undefined;
  const { code, statusCode } = thrown as Error & { code?: string; statusCode?: number };
  const facts = { found: thrown.message };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new VimiError('HTTP_TOO_LARGE', 'The body is too large', {
      expected: `at most ${request.routeOptions.bodyLimit} bytes`,
    });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return mediaTypeRefused(request);
  if (statusCode === 413) return new VimiError('HTTP_TOO_LARGE', 'The body is too large', facts);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new VimiError('HTTP_MALFORMED', 'This request cannot be read', facts);
  return undefined;
}
