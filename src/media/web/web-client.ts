import type { IncomingMessage } from 'node:http';
import type { VimiError } from '../../core/errors.js';
import { urlOf } from '../../core/hosts.js';
import { HostClosed, type HostLimits, HostTurns, retryAfter } from './host-turns.js';
import { Outgoing, type OutgoingOptions, type OutgoingWords } from './outgoing.js';

/*
 * One way out to HTTP for media, and for what says whether they may be used: through the guard (outgoing.ts), redirects
 * included, none of them from https to http. Each host has its turns (host-turns.ts), but for what it says of itself.
 */

const words: OutgoingWords = {
  setting: 'media_hosts',
  forbidden: 'MEDIA_FORBIDDEN',
  unreachable: 'SOURCE_UNREACHABLE',
  address: 'This medium may not be fetched',
  host: 'Nothing may be fetched from this host',
  silent: 'A server of media cannot be reached',
  untrusted: 'If the certificate is signed by a CA of your own, name its PEM file in NODE_EXTRA_CA_CERTS, and replay.',
};

export interface WebClientOptions extends Omit<OutgoingOptions, 'words'> {
  /** How hard a host is asked. Default: as hard as anybody wants. */
  limits?: HostLimits;
  /** Default: turns of its own. */
  turns?: HostTurns;
}

/** An answer whose body has not been read. Whoever has it reads it or destroys it. */
export interface WebAnswer {
  status: number;
  /** Where it came from in the end. */
  url: URL;
  /** Lower-case names, one entry a line, of this answer and of the redirects before it. */
  headers: [name: string, value: string][];
  body: IncomingMessage;
}

export interface WebClient {
  /** The URL, where it may be asked for at all. MEDIA_FORBIDDEN. */
  allowed(url: string): URL;
  /** Follows at most five redirects. MEDIA_FORBIDDEN (a host or an address), SOURCE_UNREACHABLE. */
  get(url: string, signal: AbortSignal, options?: GetOptions): Promise<WebAnswer>;
  /** A host wishes for so many milliseconds between two requests. */
  slowDown(host: string, ms: number): void;
}

export interface GetOptions {
  /** What a site says of itself: it needs no turn, since whoever has one may wait for it. Default false. */
  isOfSite?: boolean;
  /** Called when its turn has come, before it asks. */
  onTurn?(): void;
}

const mostRedirects = 5;
/** By which robots.txt speaks to vimi. */
export const robotName = 'vimi';

export function createWebClient({
  limits = { atOnce: Number.POSITIVE_INFINITY, pauseMs: 0 },
  turns = new HostTurns(),
  ...options
}: WebClientOptions): WebClient {
  const outgoing = new Outgoing({ ...options, words });
  const asked = { method: 'GET', headers: { 'user-agent': robotName } } as const;

  /** The answer has its place among those of its host until it is over. */
  async function inTurn(url: URL, signal: AbortSignal, { isOfSite = false, onTurn }: GetOptions) {
    const entering = isOfSite ? turns.open(url.host, signal) : turns.enter(url.host, limits, signal);
    const leave = await entering.catch((thrown: unknown) => {
      throw thrown instanceof HostClosed ? unreachable(url, 'a host that may be asked', thrown.message) : thrown;
    });
    onTurn?.();
    try {
      const body = await outgoing.ask(url, asked, signal);
      if (leave && body.closed) leave();
      else if (leave) body.once('close', leave);
      const ms = retryAfter(body.headers, Date.now());
      if (ms !== undefined && [429, 503].includes(body.statusCode ?? 0)) turns.close(url.host, ms);
      return body;
    } catch (thrown) {
      leave?.();
      throw thrown;
    }
  }

  return {
    allowed: (given) => outgoing.allowed(given),
    slowDown: (host, ms) => turns.slowDown(host, ms),
    async get(given, signal, options = {}) {
      let url = outgoing.allowed(given);
      const headers: [string, string][] = [];
      for (let redirects = 0; ; redirects++) {
        const body = await inTurn(url, signal, options);
        const status = body.statusCode ?? 0;
        for (let n = 0; n + 1 < body.rawHeaders.length; n += 2)
          headers.push([body.rawHeaders[n]!.toLowerCase(), body.rawHeaders[n + 1]!]);
        const { location } = body.headers;
        if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
          return { status, url, headers, body };
        body.destroy();
        if (redirects === mostRedirects)
          throw outgoing.forbidden(given, `at most ${mostRedirects} redirects`, 'one more');
        const next = urlOf(location, url);
        if (!next) throw outgoing.forbidden(given, 'a redirect to an address', location);
        if (url.protocol === 'https:' && next.protocol === 'http:')
          throw outgoing.forbidden(given, 'https all the way', 'a redirect to http');
        url = outgoing.allowed(next.href);
      }
    },
  };
}

/** A server of media, or what it says of them, that is not there. */
export function unreachable(url: URL, expected: string, found: string, cause?: unknown): VimiError {
  return new Outgoing({ hosts: [], words }).unreachable(url, expected, found, cause);
}
