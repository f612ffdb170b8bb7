import { lookup as systemLookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { VimiError } from '../../core/errors.js';
import { addressIn, ruleFor, urlOf } from '../../core/hosts.js';
import { isPublicAddress } from './addresses.js';
import { HostClosed, type HostLimits, HostTurns, retryAfter } from './host-turns.js';

/*
 * One way out to HTTP, for media and for what says whether they may be used. For each request, redirects included:
 *
 *   the host and port stand in media_hosts; no user and password, no step from https to http
 *   the name is resolved once, every address of it is public, and the connection goes to one of those that were checked
 *   nothing is sent along: no cookie, no credentials, no wish for compression
 *   each host has its turns (host-turns.ts), but for what it says of itself
 *
 * An address that media_hosts names itself is taken as it is: whoever wrote it there knows the own network.
 */

export interface WebClientOptions {
  /** media_hosts of the topology. */
  hosts: readonly string[];
  /** All addresses of a name. Default: as the system resolves it. */
  resolve?(host: string): Promise<string[]>;
  /** Default: those of the public internet. */
  isAllowed?(address: string): boolean;
  /** How hard a host is asked. Default: as hard as anybody wants. */
  limits?: HostLimits;
  /** Default: turns of its own. */
  turns?: HostTurns;
  /** Nothing moves for so long, from the first look-up on: given up. Milliseconds. Default 30,000. */
  silenceMs?: number;
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
const mostHeaderBytes = 32 * 1024;
/** By which robots.txt speaks to vimi. */
export const robotName = 'vimi';

export function createWebClient({
  hosts,
  resolve = async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address),
  isAllowed = isPublicAddress,
  limits = { atOnce: Number.POSITIVE_INFINITY, pauseMs: 0 },
  turns = new HostTurns(),
  silenceMs = 30_000,
}: WebClientOptions): WebClient {
  /** The answer has its place among those of its host until it is over. */
  async function inTurn(url: URL, signal: AbortSignal, { isOfSite = false, onTurn }: GetOptions) {
    const entering = isOfSite ? turns.open(url.host, signal) : turns.enter(url.host, limits, signal);
    const leave = await entering.catch((thrown: unknown) => {
      throw thrown instanceof HostClosed ? unreachable(url, 'a host that may be asked', thrown.message) : thrown;
    });
    onTurn?.();
    try {
      const body = await ask(url, await addressOf(url, { resolve, isAllowed, silenceMs }), silenceMs, signal);
      if (leave && body.closed) leave();
      else if (leave) body.once('close', leave);
      const wait = body.headers['retry-after'];
      const ms = wait === undefined ? undefined : retryAfter(wait, Date.now());
      if (ms !== undefined && [429, 503].includes(body.statusCode ?? 0)) turns.close(url.host, ms);
      return body;
    } catch (thrown) {
      leave?.();
      throw thrown;
    }
  }

  return {
    allowed: (given) => checkedUrl(given, hosts),
    slowDown: (host, ms) => turns.slowDown(host, ms),
    async get(given, signal, options = {}) {
      let url = checkedUrl(given, hosts);
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
        if (redirects === mostRedirects) throw forbidden(given, `at most ${mostRedirects} redirects`, 'one more');
        const next = urlOf(location, url);
        if (!next) throw forbidden(given, 'a redirect to an address', location);
        if (url.protocol === 'https:' && next.protocol === 'http:')
          throw forbidden(given, 'https all the way', 'a redirect to http');
        url = checkedUrl(next.href, hosts);
      }
    },
  };
}

function checkedUrl(text: string, hosts: readonly string[]): URL {
  const url = urlOf(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw forbidden(text, 'an address of http or https', url ? url.protocol : 'none');
  if (url.username !== '' || url.password !== '') {
    url.username = '';
    url.password = '';
    throw forbidden(url.href, 'an address without user and password', 'one with them');
  }
  if (ruleFor(url, hosts) === undefined) {
    const found = url.host;
    throw new VimiError('MEDIA_FORBIDDEN', 'Nothing may be fetched from this host', {
      ...{
        expected: hosts.length > 0 ? `one of media_hosts: ${hosts.join(', ')}` : 'no host (there are no media_hosts)',
      },
      ...{
        found,
        where: url.href,
        remedy: `To fetch from it, add ${JSON.stringify(found)} to media_hosts of the topology.`,
      },
    });
  }
  return url;
}

type Resolving = Required<Pick<WebClientOptions, 'resolve' | 'isAllowed' | 'silenceMs'>>;

/** The one address to connect to. When one address of a name is not allowed, the name is not. */
async function addressOf(url: URL, { resolve, isAllowed, silenceMs }: Resolving): Promise<string> {
  const written = addressIn(url);
  if (written !== undefined) return written;
  const late = new Promise<never>((_, fail) => {
    setTimeout(() => fail(new Error('no answer of the name server')), silenceMs).unref();
  });
  const addresses = await Promise.race([resolve(url.hostname), late]).catch((cause: Error) => {
    throw unreachable(url, 'an address of this host', cause.message, cause);
  });
  const [first] = addresses;
  if (first === undefined) throw unreachable(url, 'an address of this host', 'none');
  const closed = addresses.find((address) => isIP(address) === 0 || !isAllowed(address));
  if (closed !== undefined)
    throw new VimiError('MEDIA_FORBIDDEN', 'This host leads into a network that is not public', {
      ...{ expected: 'public addresses', found: closed, where: url.href },
    });
  return first;
}

function ask(url: URL, address: string, silenceMs: number, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const family = isIP(address);
    const asked = send(url, {
      agent: false,
      // Whatever the environment says.
      rejectUnauthorized: true,
      signal,
      timeout: silenceMs,
      maxHeaderSize: mostHeaderBytes,
      // Whatever name is looked up, this is where it goes.
      lookup: (_host, options, found) =>
        options.all ? found(null, [{ address, family }]) : found(null, address, family),
      headers: { 'user-agent': robotName, accept: '*/*', 'accept-encoding': 'identity', connection: 'close' },
    });
    asked.on('timeout', () => asked.destroy(new Error(`nothing for ${silenceMs / 1000} s`)));
    // A timer of the socket begins anew with each byte, and a header may come byte by byte.
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${silenceMs / 1000} s`)), silenceMs);
    asked.on('response', (answer) => {
      clearTimeout(timer);
      done(answer);
    });
    asked.on('error', (cause) => {
      clearTimeout(timer);
      fail(signal.aborted ? signal.reason : unreachable(url, 'an answer', cause.message, cause));
    });
    asked.end();
  });
}

export function unreachable(url: URL, expected: string, found: string, cause?: unknown): VimiError {
  const isUntrusted = untrusted.has((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
  return new VimiError('SOURCE_UNREACHABLE', 'A server of media cannot be reached', {
    ...{ expected, found, where: url.href, cause },
    ...(isUntrusted && {
      remedy: 'If the certificate is signed by a CA of your own, name its PEM file in NODE_EXTRA_CA_CERTS, and replay.',
    }),
  });
}

/** Whoever signed the certificate of a server is not known here. */
const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function forbidden(where: string, expected: string, found: string): VimiError {
  return new VimiError('MEDIA_FORBIDDEN', 'This medium may not be fetched', { expected, found, where });
}
