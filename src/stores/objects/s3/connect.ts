import http from 'node:http';
import https from 'node:https';
import { Client, type ClientOptions } from 'minio';
import { VimiError } from '../../../core/errors.js';
import { endpointOf, endpointRule } from './address.js';

export interface Endpoint {
  /** `https://host[:port]` or `http://host[:port]`. */
  endpoint: string;
  region: string;
  /** Both, or neither: then calls are anonymous. */
  accessKey?: string;
  secretKey?: string;
  /** Certificate authorities in PEM, trusted instead of the system's. */
  ca?: string;
  /** A connection on which nothing moves for so long is given up. */
  silenceMs: number;
}

/** The smallest part of an upload in parts, and the most that one upload holds in memory. */
export const partBytes = 16 * 1024 * 1024;

export function connect({ endpoint, region, accessKey, secretKey, ca, silenceMs }: Endpoint): {
  client: Client;
  close(): void;
} {
  const url = parse(endpoint);
  if ((accessKey === undefined) !== (secretKey === undefined))
    throw new VimiError('USAGE', 'The object store has only one of access_key and secret_key', {
      expected: 'both or neither',
    });
  const secure = url.protocol === 'https:';
  if (ca !== undefined && !secure)
    throw new VimiError('USAGE', 'The object store has certificate authorities, but its endpoint does not use TLS', {
      expected: 'https://host',
    });
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxSockets: 64, ...(secure && { ca }) });
  const client = new Client({
    endPoint: url.hostname,
    port: Number(url.port) || (secure ? 443 : 80),
    useSSL: secure,
    region,
    accessKey,
    secretKey,
    transportAgent: agent,
    transport: impatient(secure ? https : http, agent, silenceMs),
    // The client would retry once and print to the console; persist.ts does it instead.
    retryOptions: { disableRetry: true },
  } as ClientOptions);
  return { client, close: () => agent.destroy() };
}

function parse(endpoint: string): URL {
  const url = endpointOf(endpoint);
  if (url) return url;
  // What was found may hold a secret.
  throw new VimiError('USAGE', 'The endpoint of the object store is not an address', { expected: endpointRule });
}

/** Statuses of which the client makes a plain error without reading the answer. */
const unread = [408, 429, 499, 500, 502, 503, 504, 520];

/** Node's own requests, but with an end to silence, and with no answer left unread: it would hold its connection. */
function impatient(protocol: typeof http | typeof https, agent: http.Agent, silenceMs: number) {
  return {
    request(options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest {
      let answer: http.IncomingMessage | undefined;
      const request = protocol.request({ ...options, agent }, (response) => {
        answer = response;
        onResponse(response);
        if (unread.includes(response.statusCode ?? 0)) response.resume();
      });
      request.setTimeout(silenceMs);
      request.on('timeout', () => {
        // With bytes waiting it is our reader who takes its time.
        if (answer && answer.readableLength > 0) return;
        const error = Object.assign(new Error(`silent for ${silenceMs} ms`), { code: 'ETIMEDOUT' });
        answer?.destroy(error);
        request.destroy(error);
      });
      return request;
    },
  };
}
