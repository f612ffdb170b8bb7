import { VimiError } from '../../../core/errors.js';
import { CollectionGone, failure, meaningOf } from './failures.js';

export interface WeaviateServer {
  /** Nodes of one cluster, or one address before them: http(s)://host:port. The next is asked when one does not answer. */
  urls: string[];
  /** Sent as a bearer token. */
  apiKey?: string;
}

export interface CallOptions {
  body?: unknown;
  /** An answer with one of these is no failure. */
  accepts?: number[];
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  /** What the body says as JSON; null without a body. */
  json: unknown;
}

const timeoutMs = 10_000;
/** The longest answer: a page of documents with their vectors is far below it. */
const mostBytes = 256 * 2 ** 20;

/** Calls to the REST interface of a Weaviate cluster. Everything that it answers is checked for size and for being JSON. */
export class WeaviateHttp {
  readonly #urls: string[];
  readonly #headers: Record<string, string>;
  /** The node that answered last. */
  #current = 0;

  constructor({ urls, apiKey }: WeaviateServer) {
    this.#urls = urls.map((url) => url.replace(/\/+$/, ''));
    this.#headers = {
      'content-type': 'application/json',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    };
  }

  /** Throws SEARCH_UNAVAILABLE, SEARCH_DENIED, SEARCH_FULL or SEARCH_REFUSED. Every call may be repeated. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    let last: VimiError | undefined;
    // For all nodes together: nobody waits longer, and no write is under way longer (writer.ts).
    const limit = AbortSignal.timeout(timeoutMs);
    // Once more in the end: a connection that was kept may have been closed just then.
    for (let n = 0; n <= this.#urls.length; n++) {
      const at = (this.#current + n) % this.#urls.length;
      try {
        const answer = await this.#ask(this.#urls[at]!, method, path, options, limit);
        this.#current = at;
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof VimiError) || thrown.code !== 'SEARCH_UNAVAILABLE' || thrown instanceof CollectionGone)
          throw thrown;
        last = thrown;
        if (limit.aborted) {
          // A node that is hanging is not the first to be asked again.
          this.#current = (at + 1) % this.#urls.length;
          break;
        }
      }
    }
    throw last;
  }

  /** The `data` of a GraphQL query, where failures come with status 200. */
  async query<T>(graphql: string): Promise<T> {
    const { json } = await this.call('POST', '/v1/graphql', { body: { query: graphql } });
    return (json as { data: T }).data;
  }

  async #ask(
    url: string,
    method: string,
    path: string,
    { body, accepts = [], signal }: CallOptions,
    limit: AbortSignal,
  ): Promise<Answer> {
    const where = `${method} ${withoutSecrets(url)}${path.replace(/\?.*/, '')}`;
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${url}${path}`, {
        ...{ method, headers: this.#headers, redirect: 'manual' },
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      status = response.status;
      text = await bounded(response, where);
    } catch (thrown) {
      if (thrown instanceof VimiError || signal?.aborted) throw thrown;
      const { message, cause } = thrown as Error & { cause?: { code?: string; message?: string } };
      const why = cause?.code ?? cause?.message;
      throw failure('SEARCH_UNAVAILABLE', why ? `${message}: ${why}` : message, where, thrown);
    }
    if (status >= 300 && !accepts.includes(status)) throw meaningOf(status, text, where);
    let json: unknown = null;
    try {
      if (text !== '') json = JSON.parse(text);
    } catch {
      if (!accepts.includes(status)) throw failure('SEARCH_UNAVAILABLE', `${status}, and no JSON`, where);
    }
    const errors = (json as { errors?: unknown } | null)?.errors;
    if (Array.isArray(errors) && errors.length > 0) throw meaningOf(status, JSON.stringify(errors), where);
    return { status, json };
  }
}

async function bounded(response: Response, where: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > mostBytes) throw failure('SEARCH_REFUSED', `an answer of more than ${mostBytes} bytes`, where);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An address may carry a name and a password. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
