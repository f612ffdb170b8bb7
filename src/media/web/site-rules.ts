import { VimiError } from '../../core/errors.js';
import { disallowedBy, type RobotRules, readRobots, usageOf } from './robots.js';
import { readTdmRep, refusesUsage, reservedBy } from './signals.js';
import { robotName, unreachable, type WebClient } from './web-client.js';

/** RFC 9309 wants 500 KiB read at least. */
const mostBytes = 512 * 1024;
const keptMs = 3_600_000;
/** The rest of the media of a site that fails fails at once. */
const failureKeptMs = 30_000;
/** For both files of a site. */
const mostMs = 60_000;
const mostSites = 1000;

interface Site {
  robots: RobotRules;
  tdm: ReturnType<typeof readTdmRep>;
}

/** What sites say of themselves in robots.txt and /.well-known/tdmrep.json, each asked once an hour. */
export class SiteRules {
  readonly #client: WebClient;
  readonly #now: () => number;
  readonly #sites = new Map<string, { site: Promise<Site>; at: number }>();

  constructor(client: WebClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /** Which rule of its site keeps a URL from being used; undefined: none. SOURCE_UNREACHABLE when nobody knows the rules. */
  async refusal(url: URL): Promise<string | undefined> {
    const { robots, tdm } = await this.#site(url.origin);
    const disallowed = disallowedBy(robots, url);
    if (disallowed !== undefined) return `robots.txt: ${disallowed}`;
    const usage = refusesUsage(usageOf(robots, url) ?? '');
    if (usage !== undefined) return `robots.txt: Content-Usage: ${usage}`;
    const reserved = reservedBy(tdm, url);
    return reserved && `tdmrep.json: ${reserved}`;
  }

  #site(origin: string): Promise<Site> {
    const known = this.#sites.get(origin);
    if (known && this.#now() - known.at < keptMs) return known.site;
    const entry = { site: this.#read(origin), at: this.#now() };
    this.#sites.set(origin, entry);
    entry.site.catch(() => {
      entry.at = this.#now() - keptMs + failureKeptMs;
    });
    for (const oldest of this.#sites.keys()) {
      if (this.#sites.size <= mostSites) break;
      this.#sites.delete(oldest);
    }
    return entry.site;
  }

  async #read(origin: string): Promise<Site> {
    // Of its own: whoever asked first may be gone before the others.
    const signal = AbortSignal.timeout(mostMs);
    const robots = await this.#text(`${origin}/robots.txt`, signal);
    const tdm = await this.#text(`${origin}/.well-known/tdmrep.json`, signal);
    const rules = readRobots(robots, robotName);
    this.#client.slowDown(new URL(origin).host, (rules.delay ?? 0) * 1000);
    return { robots: rules, tdm: readTdmRep(tdm) };
  }

  /** Empty where the site has none. A server in trouble, or one that leads to a host that is not allowed, says neither yes nor no. */
  async #text(where: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#client.get(where, signal, { isOfSite: true }).catch((cause: unknown) => {
      throw cause instanceof VimiError
        ? cause
        : unreachable(new URL(where), 'the rules of this site', 'no answer', cause);
    });
    const { status, url, body } = answer;
    try {
      if (status >= 500 || status === 429) throw unreachable(url, 'the rules of this site', `status ${status}`);
      if (status !== 200) return '';
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= mostBytes) break;
      }
      return Buffer.concat(chunks).subarray(0, mostBytes).toString();
    } catch (cause) {
      throw cause instanceof VimiError
        ? cause
        : unreachable(url, 'the rules of this site', (cause as Error).message, cause);
    } finally {
      body.destroy();
    }
  }
}
