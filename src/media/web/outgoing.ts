import { lookup as systemLookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { type ErrorCode, VimiError } from '../../core/errors.js';
import { addressIn, ruleFor, urlOf } from '../../core/hosts.js';
import { isPublicAddress } from './addresses.js';

/*
 * The one guard of all that vimi asks other servers because somebody named their address. For each request:
 *
 *   the host and port stand in a list of the topology; no user and password
 *   the name is resolved once, every address of it is public, and the connection goes to one of those that were checked
 *   nothing is sent along that the caller did not name: no cookie, no credentials, no wish for compression
 *
 * An address that the list names itself is taken as it is: whoever wrote it there knows the own network.
 */

/** What is asked, in the words of its errors. */
export interface OutgoingWords {
  /** The list of hosts in the topology. */
  setting: string;
  /** For a host or an address that may not be asked, and for one that does not answer. */
  forbidden: ErrorCode;
  unreachable: ErrorCode;
  /** The summaries of these errors: the address, the host, the network, the silence. */
  address: string;
  host: string;
  silent: string;
  /** What to do where the certificate of the server is not trusted. */
  untrusted: string;
}

export interface OutgoingOptions {
  hosts: readonly string[];
  words: OutgoingWords;
  /** All addresses of a name. Default: as the system resolves it. */
  resolve?(host: string): Promise<string[]>;
  /** Default: those of the public internet. */
  isAllowed?(address: string): boolean;
  /** Nothing moves for so long, from the first look-up on: given up. Milliseconds. Default 30,000. */
  silenceMs?: number;
}

export interface Asked {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

const mostHeaderBytes = 32 * 1024;

export class Outgoing {
  readonly #hosts: readonly string[];
  readonly #words: OutgoingWords;
  readonly #resolve: (host: string) => Promise<string[]>;
  readonly #isAllowed: (address: string) => boolean;
  readonly #silenceMs: number;

  constructor({
    hosts,
    words,
    resolve = async (host) => (await systemLookup(host, { all: true })).map(({ address }) => address),
    isAllowed = isPublicAddress,
    silenceMs = 30_000,
  }: OutgoingOptions) {
    this.#hosts = hosts;
    this.#words = words;
    this.#resolve = resolve;
    this.#isAllowed = isAllowed;
    this.#silenceMs = silenceMs;
  }

  /** The URL, where its host may be asked at all. */
  allowed(text: string): URL {
    const url = urlOf(text);
    if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
      throw this.forbidden(text, 'an address of http or https', url ? url.protocol : 'none');
    if (url.username !== '' || url.password !== '') {
      url.username = '';
      url.password = '';
      throw this.forbidden(url.href, 'an address without user and password', 'one with them');
    }
    if (ruleFor(url, this.#hosts) === undefined) {
      const { setting, forbidden, host } = this.#words;
      const found = url.host;
      throw new VimiError(forbidden, host, {
        ...{
          expected:
            this.#hosts.length > 0
              ? `one of ${setting}: ${this.#hosts.join(', ')}`
              : `no host (there are no ${setting})`,
        },
        ...{
          found,
          where: url.href,
          remedy: `To allow it, add ${JSON.stringify(found)} to ${setting} of the topology.`,
        },
      });
    }
    return url;
  }

  /** The one address to connect to. When one address of a name is not allowed, the name is not. */
  async addressOf(url: URL): Promise<string> {
    const written = addressIn(url);
    if (written !== undefined) return written;
    const late = new Promise<never>((_, fail) => {
      setTimeout(() => fail(new Error('no answer of the name server')), this.#silenceMs).unref();
    });
    const addresses = await Promise.race([this.#resolve(url.hostname), late]).catch((cause: Error) => {
      throw this.unreachable(url, 'an address of this host', cause.message, cause);
    });
    const [first] = addresses;
    if (first === undefined) throw this.unreachable(url, 'an address of this host', 'none');
    const closed = addresses.find((address) => isIP(address) === 0 || !this.#isAllowed(address));
    if (closed !== undefined)
      throw new VimiError(this.#words.forbidden, 'This host leads into a network that is not public', {
        ...{ expected: 'public addresses', found: closed, where: url.href },
      });
    return first;
  }

  /** Asks an allowed URL; redirects are answers like others. Whoever gets the answer reads or destroys it. */
  async ask(url: URL, { method, headers, body }: Asked, signal: AbortSignal): Promise<IncomingMessage> {
    const address = await this.addressOf(url);
    const silenceMs = this.#silenceMs;
    return new Promise((done, fail) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const family = isIP(address);
      const asked = send(url, {
        method,
        agent: false,
        // Whatever the environment says.
        rejectUnauthorized: true,
        signal,
        timeout: silenceMs,
        maxHeaderSize: mostHeaderBytes,
        // Whatever name is looked up, this is where it goes.
        lookup: (_host, options, found) =>
          options.all ? found(null, [{ address, family }]) : found(null, address, family),
        headers: { accept: '*/*', 'accept-encoding': 'identity', connection: 'close', ...headers },
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
        fail(signal.aborted ? signal.reason : this.unreachable(url, 'an answer', cause.message, cause));
      });
      asked.end(body);
    });
  }

  forbidden(where: string, expected: string, found: string): VimiError {
    return new VimiError(this.#words.forbidden, this.#words.address, { expected, found, where });
  }

  unreachable(url: URL, expected: string, found: string, cause?: unknown): VimiError {
    const { unreachable, silent, untrusted } = this.#words;
    return new VimiError(unreachable, silent, {
      ...{ expected, found, where: url.href, cause },
      ...(untrustedCodes.has((cause as NodeJS.ErrnoException | undefined)?.code ?? '') && { remedy: untrusted }),
    });
  }
}

/** Whoever signed the certificate of a server is not known here. */
const untrustedCodes = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
