import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readCertificates, readPrivateKey } from '../app/pem-file.js';
import { asVimiError, VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';

/** Paths of files in PEM: the certificate with those that lead to an authority, and its private key. */
export interface TlsFiles {
  cert: string;
  key: string;
}

/** What a server shows of itself. */
export interface Certificate {
  cert: string;
  key: string;
  /** Milliseconds since 1970. */
  validFrom: number;
  validUntil: number;
}

/** The files are looked at so often. Milliseconds. */
const lookMs = 2000;
const dayMs = 24 * 60 * 60 * 1000;
/** From so long before its end on, an old certificate is warned of once a day. */
const soonMs = 14 * dayMs;

/** TOPOLOGY_INVALID where a file cannot be used, or the key is not that of the certificate. Whether it is valid now does not count. */
export function readCertificate(files: TlsFiles): Certificate {
  const [cert, key] = [readCertificates(files.cert), readPrivateKey(files.key)];
  const unusable = (expected: string, found: string, cause?: unknown) =>
    new VimiError('TOPOLOGY_INVALID', 'HTTPS cannot be served with these files', {
      ...{ expected, found, cause },
      where: `${files.cert} and ${files.key}`,
    });
  const own = new X509Certificate(cert);
  if (!own.checkPrivateKey(createPrivateKey(key)))
    throw unusable('the private key of the first certificate of the file', 'the key of another one');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw unusable('a certificate and a key that OpenSSL takes', (cause as Error).message, cause);
  }
  return { cert, key, validFrom: Date.parse(own.validFrom), validUntil: Date.parse(own.validTo) };
}

export interface WatchedCertificate {
  readonly now: Certificate;
  close(): void;
}

/**
 * Reads the files again and again. `onChange` gets a new certificate once both of its files are whole; until then, and when they
 * cannot be used, the old one counts and the log says why. One that is over, or soon will be, is logged once a day.
 */
export function watchCertificate(
  files: TlsFiles,
  onChange: (next: Certificate) => void,
  { log, now = Date.now }: { log: Pick<Log, 'info' | 'warn'>; now?: () => number },
): WatchedCertificate {
  let current = readCertificate(files);
  let warned = Number.NEGATIVE_INFINITY;
  /** Of the look before; what is only half written is well at the next one. */
  let trouble: string | undefined;
  let told: string | undefined;
  const checkTime = () => {
    const at = now();
    const warning = warningOf(current, at);
    if (!warning || at - warned < dayMs) return;
    warned = at;
    log.warn({ certificate: files.cert }, warning);
  };
  const look = () => {
    try {
      const next = readCertificate(files);
      [trouble, told] = [undefined, undefined];
      if (next.cert !== current.cert || next.key !== current.key) {
        current = next;
        warned = Number.NEGATIVE_INFINITY;
        onChange(next);
        const until = new Date(next.validUntil).toISOString();
        log.info({ certificate: files.cert, until }, 'The certificate was replaced; new connections get the new one');
      }
    } catch (thrown) {
      const { message, code } = asVimiError(thrown);
      if (message === trouble && message !== told) {
        told = message;
        log.warn({ code, error: message }, 'The new certificate cannot be used; the old one stays in use');
      }
      trouble = message;
    }
    checkTime();
  };
  checkTime();
  const looking = setInterval(look, lookMs);
  looking.unref();
  return {
    get now() {
      return current;
    },
    close: () => clearInterval(looking),
  };
}

/** undefined: it is valid, and will be for a while. */
export function warningOf({ validFrom, validUntil }: Certificate, at: number): string | undefined {
  const [from, until] = [validFrom, validUntil].map((moment) => new Date(moment).toISOString());
  if (at < validFrom) return `The certificate is valid only from ${from} on: clients refuse it until then`;
  if (at >= validUntil) return `The certificate expired at ${until}: clients refuse it; replace its files`;
  if (validUntil - at < soonMs) return `The certificate expires at ${until}: replace its files before`;
  return undefined;
}
