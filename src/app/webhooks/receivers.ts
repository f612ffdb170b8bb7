import type { Clock } from '../../core/clock.js';
import { either } from '../../core/either.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { addressIn } from '../../core/hosts.js';
import type { WebhookDelivery } from '../../events/webhook-events.js';
import { retryAfter } from '../../media/web/host-turns.js';
import { Outgoing, type OutgoingOptions } from '../../media/web/outgoing.js';
import type { Outcome } from './next-state.js';
import type { Secrets } from './secret-file.js';
import { signatures } from './signature.js';

/** Standard Webhooks: 15 to 30 s for the whole of an answer. */
const answerMs = 20_000;

export interface ReceiverOptions extends Omit<OutgoingOptions, 'words'> {
  secrets: Secrets;
}

/** Sends messages to receivers, through the guard of all addresses that others name. */
export class Receivers {
  readonly #outgoing: Outgoing;
  readonly #secrets: Secrets;

  constructor({ secrets, ...options }: ReceiverOptions) {
    this.#secrets = secrets;
    this.#outgoing = new Outgoing({
      silenceMs: 15_000,
      ...options,
      words: {
        setting: 'webhook_hosts',
        forbidden: 'WEBHOOK_FORBIDDEN',
        unreachable: 'WEBHOOK_UNREACHABLE',
        address: 'No webhook may go to this address',
        host: 'No webhook may go to this host',
        silent: 'A receiver of webhooks cannot be reached',
        untrusted: 'If the certificate is signed by a CA of your own, name its PEM file in NODE_EXTRA_CA_CERTS.',
      },
    });
  }

  /** Refuses a request that names a receiver to which nothing could go: WEBHOOK_FORBIDDEN, WEBHOOK_SECRET_MISSING. */
  async check(address: string, source: string): Promise<void> {
    const url = this.#allowed(address);
    if ((await this.#secrets.of(source)).length === 0) throw noSecret(source);
    try {
      await this.#outgoing.addressOf(url);
    } catch (thrown) {
      // A name server that is away for a moment may be back when the video is made.
      if (asVimiError(thrown).code === 'WEBHOOK_FORBIDDEN') throw thrown;
    }
  }

  /** One attempt; rejects only when `signal` aborts. */
  async post({ id, url, body, source }: WebhookDelivery, clock: Clock, signal: AbortSignal): Promise<Outcome> {
    const seconds = Math.floor(clock.now() / 1000);
    const late = AbortSignal.timeout(answerMs);
    const { signal: over, letGo } = either(signal, late);
    try {
      const secrets = await this.#secrets.of(source);
      if (secrets.length === 0) throw noSecret(source);
      const headers = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'vimi',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signatures(secrets, id, seconds, body),
      };
      const asked = { method: 'POST', headers, body } as const;
      const answer = await this.#outgoing.ask(this.#allowed(url), asked, over);
      // Nobody reads what it says.
      answer.destroy();
      const status = answer.statusCode ?? 0;
      const retryAfterMs = retryAfter(answer.headers, clock.now());
      const isTaken = status >= 200 && status < 300;
      return {
        status,
        ...(!isTaken && {
          error: status >= 300 && status < 400 ? `status ${status}: redirects are not followed` : `status ${status}`,
        }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      };
    } catch (thrown) {
      signal.throwIfAborted();
      if (late.aborted) return { error: `no answer within ${answerMs / 1000} s` };
      const { code, message } = asVimiError(thrown);
      return { error: `${code}: ${withoutPath(message, url)}` };
    } finally {
      letGo();
    }
  }

  /** Without TLS only to an address that webhook_hosts names itself, of the own network. */
  #allowed(address: string): URL {
    const url = this.#outgoing.allowed(address);
    if (url.protocol === 'https:' || addressIn(url) !== undefined) return url;
    throw this.#outgoing.forbidden(url.href, 'https', 'http');
  }
}

/** Paths and queries of receivers may be secrets, and what went wrong is logged. */
function withoutPath(message: string, address: string): string {
  if (!URL.canParse(address)) return message;
  const { href, origin } = new URL(address);
  return message.replaceAll(href, origin);
}

function noSecret(source: string): VimiError {
  const [, name] = /^\/vimi\/http\/([^/]+)$/.exec(source) ?? [];
  return new VimiError('WEBHOOK_SECRET_MISSING', 'There is no secret to sign webhooks with', {
    where: source,
    remedy: `Make one and give it to the receiver: vimi webhooks secrets add${name ? ` ${name}` : ''}.`,
  });
}
