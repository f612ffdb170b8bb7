import type { FastifyReply, FastifyRequest } from 'fastify';
import { VimiError } from '../../core/errors.js';
import { isLoopback } from '../address.js';
import type { App } from '../app.js';
import type { Keys, Scope, StoredKey } from './key-file.js';
import type { Tenant } from './places.js';
import { Quota } from './quota.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must be allowed to; left out: nobody is asked for a key. */
    scope?: Scope;
  }
  interface FastifyRequest {
    caller: Caller;
  }
}

/** Who asks. */
export interface Caller extends Tenant {
  /** Whether it may see a request of this source. */
  sees(source: string): boolean;
  /** The source that its lists are narrowed to; undefined: they are not. */
  only: string | undefined;
  /** Whether it may do what is for nobody's tenant. */
  isAdmin: boolean;
  /** Whether its key has a scope. */
  may(scope: Scope): boolean;
  /** Whether it would be let in now as it was then: its key may have been revoked, or the first key been made. */
  isWelcome(): Promise<boolean>;
}

/** The source of requests of whoever is on this machine, while there are no keys; those of keys are below it. */
export const httpSource = '/vimi/http';

/**
 * Finds out who asks, before a body is read: KEY_MISSING, KEY_REFUSED, RATE_LIMITED. Web pages of other origins are refused
 * (ORIGIN_REFUSED), and so is, without keys and at every address, whoever calls this machine by a foreign name, as a page behind a forged
 * DNS entry does.
 */
export function recogniseCallers(app: App, keys: Keys): void {
  const quota = new Quota();
  app.decorateRequest('caller', undefined as unknown as Caller);
  app.addHook('onRequest', async (request, reply) => {
    const { scope } = request.routeOptions.config;
    const asks = await keys.ask();
    if (!asks) checkName(request, scope === undefined);
    if (scope === undefined) return;
    checkPage(request);
    if (!asks) {
      const isWelcome = async () => !(await keys.ask());
      request.caller = {
        source: httpSource,
        sees: () => true,
        only: undefined,
        isAdmin: true,
        shares: false,
        may: () => true,
        isWelcome,
      };
      return;
    }
    const key = await keyOf(request, keys);
    if (!key) throw keyMissing(request, reply);
    spend(quota, key, reply);
    const isAdmin = key.scopes.includes('admin');
    if (!isAdmin && !key.scopes.includes(scope))
      throw new VimiError('KEY_REFUSED', 'This key may not do that', {
        expected: `a key with the scope ${scope}`,
        found: key.scopes.join(', '),
      });
    const source = `${httpSource}/${key.name}`;
    request.caller = {
      ...{ source, sees: (other) => isAdmin || other === source, only: isAdmin ? undefined : source, isAdmin },
      shares: await keys.isOfSeveral(),
      may: (wanted) => isAdmin || key.scopes.includes(wanted),
      isWelcome: () => keys.isValid(key),
    };
  });
  // Its body may have been on its way for hours.
  app.addHook('preHandler', async (request, reply) => {
    if (request.routeOptions.config.scope !== undefined) await checkWelcome(request, reply);
  });
}

/** KEY_MISSING for a caller that was let in and would not be now: after anything that took long, before it changes or is told something. */
export async function checkWelcome(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (!(await request.caller.isWelcome())) throw keyMissing(request, reply);
}

function keyMissing({ headers }: FastifyRequest, reply: FastifyReply): VimiError {
  reply.header('www-authenticate', 'Bearer realm="vimi"');
  return new VimiError('KEY_MISSING', 'This server asks for an API key', {
    expected: 'Authorization: Bearer vimi_...',
    found: headers.authorization === undefined ? 'nothing' : 'no key that is known',
  });
}

async function keyOf({ headers }: FastifyRequest, keys: Keys): Promise<StoredKey | undefined> {
  const [, text] = /^Bearer +(\S{1,200})$/i.exec(headers.authorization ?? '') ?? [];
  return text === undefined ? undefined : keys.find(text);
}

/** The header fields of draft-ietf-httpapi-ratelimit-headers-10. */
function spend(quota: Quota, { name }: StoredKey, reply: FastifyReply): void {
  const { limit, seconds, left, reset } = quota.spend(name);
  reply.header('ratelimit-policy', `"requests";q=${limit};w=${seconds}`);
  reply.header('ratelimit', `"requests";r=${Math.max(0, left)};t=${reset}`);
  if (left >= 0) return;
  reply.header('retry-after', String(reset));
  throw new VimiError('RATE_LIMITED', 'Too many requests', { expected: `at most ${limit} in ${seconds} s` });
}

/** `isProbe`: of HTTP/1.0, which no page speaks, a probe may come without a name. */
function checkName({ headers: { host } }: FastifyRequest, isProbe: boolean): void {
  if ((isProbe && host === undefined) || isLoopback(hostname(`http://${host ?? ''}`))) return;
  throw new VimiError('ORIGIN_REFUSED', 'This server is asked by a name that is not its own', {
    expected: 'localhost or a loopback address',
    found: host ?? 'no name',
    where: 'Host',
  });
}

/**
 * What pages have of other origins: an image, a form, a script. They say so by Origin, and where they do not, browsers say it by
 * Sec-Fetch-Site. A link to an address of the server may be followed.
 */
function checkPage({ headers, method }: FastifyRequest): void {
  const { host = '', origin } = headers;
  const refuse = (found: string, where: string) =>
    new VimiError('ORIGIN_REFUSED', 'Web pages of other origins are not answered', { found, where });
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)) throw refuse(origin, 'Origin');
  const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers;
  if (site !== 'cross-site' && site !== 'same-site') return;
  if (method === 'GET' && mode === 'navigate' && dest === 'document') return;
  throw refuse(site, 'Sec-Fetch-Site');
}

function hostname(address: string): string {
  return URL.canParse(address) ? new URL(address).hostname.replace(/^\[|\]$/g, '') : '';
}
