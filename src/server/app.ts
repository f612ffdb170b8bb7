import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import multipart from '@fastify/multipart';
import swagger from '@fastify/swagger';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  type RawServerDefault,
} from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { answerFailures, answerUnread, mediaTypeRefused, sendProblem } from './answers/failures.js';
import { InvalidInput } from './answers/problem.js';
import type { Certificate } from './certificate.js';
import { longestInline } from './images/references.js';
import { knownQueries } from './known-queries.js';
import { onlyUsed } from './only-used.js';
import { readStrictly } from './strict-heads.js';
import { wellFormed } from './well-formed.js';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Bytes of a JSON body: the longest image that stands in one, and a request around it. */
const bodyBytes = longestInline + 1_300_000;
/** Whoever neither sends nor takes anything for so long is let go. Milliseconds. */
const silenceMs = 120_000;
/** For all that belongs to one request, an upload of 20 MB over a slow line included. */
const arrivalMs = 300_000;
/** The same of a film: 2 GiB at 2.5 Mbit/s. */
const filmArrivalMs = 2 * 60 * 60 * 1000;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Bodies of this address may be whole films. */
    takesFilms?: boolean;
  }
}

const parts = { body: 'body', querystring: 'query', params: 'path', headers: 'headers' } as const;

export interface AppOptions {
  log: Log;
  version: string;
  /** Whether callers are asked for API keys. */
  hasKeys?(): Promise<boolean>;
  /** Left out: HTTP, else HTTPS. */
  certificate?: Certificate | undefined;
  /** Aborted when the server closes: what comes on open connections from then on is turned away. */
  closing?: AbortSignal;
}

/** A TLS handshake has so long. Milliseconds. */
const handshakeMs = 10_000;

/** An empty server: what comes in is checked by zod, errors are problems, and routes describe themselves. */
export async function openApp({
  log,
  version,
  hasKeys = async () => false,
  certificate,
  closing,
}: AppOptions): Promise<App> {
  // Both kinds of server have what the routes use.
  const options: FastifyServerOptions<RawServerDefault> = {
    logger: false,
    bodyLimit: bodyBytes,
    connectionTimeout: silenceMs,
    requestTimeout: filmArrivalMs,
    forceCloseConnections: 'idle',
    // SERVER_CLOSING says more than its own answer, which is no problem of RFC 9457.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 600, ignoreDuplicateSlashes: false },
    // A proxy may send its whole address.
    rewriteUrl: ({ url = '' }) => url.replace(/^https?:\/\/[^/]*/i, '') || '/',
    clientErrorHandler: answerUnread,
    frameworkErrors: (_, __, reply) => void sendProblem(reply, new VimiError('ROUTE_UNKNOWN', 'This is no address')),
    ...(certificate
      ? {
          https: {
            cert: certificate.cert,
            key: certificate.key,
            handshakeTimeout: handshakeMs,
            requireHostHeader: false,
          },
        }
      : { http: { requireHostHeader: false } }),
  };
  const app = fastify(options).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (value) => {
    const { data, error } = schema.safeParse(value);
    const part = parts[httpPart as keyof typeof parts] ?? 'body';
    return error ? { error: new InvalidInput(error, value, part) } : { value: data };
  });
  app.setSerializerCompiler(serializerCompiler);
  // Clients say that they send JSON and send nothing, with DELETE above all.
  const readJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    // Letters of another encoding would become signs for unreadable ones, and nobody would notice before the video.
    if (!isUtf8(bytes)) done(new VimiError('HTTP_MALFORMED', 'The body is not UTF-8'));
    else if (bytes.length === 0) done(null, undefined);
    else {
      const text = bytes.toString();
      readJson(request, text, (error, body) => {
        if (error) done(isJson(text) ? prototypeRefused() : error);
        else
          try {
            done(null, wellFormed(body, text));
          } catch (thrown) {
            done(thrown as VimiError);
          }
      });
    }
  });
  // A text would be refused as no object, and the reader would look for the fault in it.
  app.removeContentTypeParser('text/plain');
  answerFailures(app, log, closing);
  readStrictly(app);
  knownQueries(app);
  app.addHook('onRequest', async () => {
    if (closing?.aborted) throw new VimiError('SERVER_CLOSING', 'This server is closing and takes nothing more');
  });
  app.addHook('onRequest', async ({ headers }) => {
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity')
      throw new VimiError('HTTP_MEDIA_TYPE', 'The body is compressed', {
        ...{ expected: 'a body as it is', found: encoding, where: 'Content-Encoding' },
        remedy: 'Send the body without Content-Encoding.',
      });
  });
  limitArrival(app);
  await app.register(multipart);
  app.addHook('preValidation', async (request) => {
    const { schema } = request.routeOptions;
    if (request.isMultipart() && schema?.body && !schema.consumes?.includes('multipart/form-data'))
      throw mediaTypeRefused(request);
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'vimi',
        version,
        description: 'Videos from prompts that are grounded in retrieved images and captions.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  // Made once: anybody may ask for it, and no address comes later.
  const described: { open?: string; locked?: string } = {};
  app.get('/openapi.json', { schema: { hide: true } }, async (_, reply) => {
    const which = (await hasKeys()) ? 'locked' : 'open';
    described[which] ??= withKeys(onlyUsed(app.swagger() as object), which === 'locked');
    return reply.type('application/json; charset=utf-8').send(described[which]);
  });
  return app;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The one thing that the reader refuses in JSON. */
function prototypeRefused(): VimiError {
  return new VimiError('HTTP_MALFORMED', 'This JSON sets the prototype of an object', {
    expected: 'no member called __proto__, and none called constructor with a prototype',
  });
}

/** Ends requests whose body takes longer than it may, as the server itself does. */
function limitArrival(app: App): void {
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    const isBodyless = raw.headers['transfer-encoding'] === undefined && !Number(raw.headers['content-length']);
    if (routeOptions.config.takesFilms || isBodyless) return;
    const late = setTimeout(() => {
      const error = Object.assign(new Error('The body took too long'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
      if (!raw.complete) app.server.emit('clientError', error, raw.socket);
    }, arrivalMs);
    late.unref();
    raw.once('close', () => clearTimeout(late));
  });
}

/** What callers show, as OpenAPI says it. */
function withKeys(described: { components?: object }, hasKeys: boolean): string {
  if (!hasKeys) return JSON.stringify({ ...described, security: [] });
  const components = { ...described.components, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } };
  return JSON.stringify({ ...described, components, security: [{ key: [] }] });
}
