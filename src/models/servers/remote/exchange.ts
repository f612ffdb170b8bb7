import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { either } from '../../../core/either.js';
import { VimiError } from '../../../core/errors.js';

/*
 * One call to a model server. What it answers is a stranger's: a limit of bytes, a limit of silence, no redirect, no
 * compression. Its key goes into one header, and into no message.
 */

export interface ServerAddress {
  /** http or https; the paths of the API are appended to it. */
  url: string;
  /** Sent as a bearer token. */
  key?: string | undefined;
  /** Authorities in PEM, instead of the system's. */
  ca?: string | undefined;
}

export interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the server's url, without a slash before it. */
  path: string;
  body?: { type: string; bytes: Buffer | string };
  headers?: Record<string, string>;
  /** Of the answer. */
  mostBytes: number;
  signal?: AbortSignal;
}

export interface Answered {
  status: number;
  type: string;
  retryAfter: string | undefined;
  body: Buffer;
}

/** Nothing moves for so long: the server is away. Milliseconds. */
const silenceMs = 30_000;
/** All of an answer, however slowly it comes. Milliseconds. */
const wholeMs = 600_000;

/** MODEL_SERVER_UNAVAILABLE; MODEL_ANSWER_INVALID for too many bytes; the signal's reason. */
export async function exchange(server: ServerAddress, call: Call): Promise<Answered> {
  const { signal } = call;
  signal?.throwIfAborted();
  const whole = AbortSignal.timeout(wholeMs);
  const { signal: over, letGo } = either(whole, signal);
  try {
    const answer = await send(server, call, over);
    const status = answer.statusCode ?? 0;
    if (status >= 300 && status < 400) {
      answer.destroy();
      throw away(server, `status ${status}, a redirect, which is not followed`);
    }
    const { 'content-type': type = '', 'retry-after': retryAfter } = answer.headers;
    return { status, type, retryAfter, body: await collected(answer, server, call.mostBytes) };
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    if (thrown instanceof VimiError) throw thrown;
    if (whole.aborted) throw away(server, `no whole answer within ${wholeMs / 1000} s`, thrown);
    const { code, message } = thrown as NodeJS.ErrnoException;
    throw away(server, code ?? message, thrown);
  } finally {
    letGo();
  }
}

function send({ url, key, ca }: ServerAddress, call: Call, signal: AbortSignal): Promise<IncomingMessage> {
  const address = new URL(call.path, url.endsWith('/') ? url : `${url}/`);
  const request = address.protocol === 'https:' ? httpsRequest : httpRequest;
  const { method, body, headers } = call;
  return new Promise((resolve, reject) => {
    const asked = request(
      address,
      {
        ...{ method, signal, agent: false, timeout: silenceMs, maxHeaderSize: 32 * 1024 },
        ...(ca !== undefined && { ca }),
        headers: {
          accept: 'application/json, application/problem+json, */*;q=0.5',
          'accept-encoding': 'identity',
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...(body && { 'content-type': body.type, 'content-length': String(Buffer.byteLength(body.bytes)) }),
          ...headers,
        },
      },
      resolve,
    );
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${silenceMs / 1000} s`)));
    asked.on('error', reject);
    asked.end(body?.bytes);
  });
}

async function collected(answer: IncomingMessage, server: ServerAddress, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most)
      throw new VimiError('MODEL_ANSWER_INVALID', 'The model server sends too much', {
        ...{ expected: `at most ${most} bytes`, found: 'more', where: placeOf(server) },
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** MODEL_SERVER_UNAVAILABLE. */
export function away(server: ServerAddress, found: string, cause?: unknown): VimiError {
  return new VimiError('MODEL_SERVER_UNAVAILABLE', 'The model server does not answer as it should', {
    ...{ found, where: placeOf(server), cause },
  });
}

/** By which messages and records name a server. */
export function placeOf({ url }: ServerAddress): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname.replace(/\/$/, '')}`;
}
