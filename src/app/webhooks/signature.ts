import { createHmac, randomBytes } from 'node:crypto';

/*
 * Symmetric signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over `ID.TIMESTAMP.BODY`, as `v1,` and base64. Several secrets
 * give several signatures, with a space between: so a secret can be replaced while the old one still counts.
 */

const prefix = 'whsec_';

/** 32 random bytes. */
export function newSecret(): string {
  return prefix + randomBytes(32).toString('base64');
}

/** The bytes of a secret, 24 to 64; undefined: it is none. */
export function secretBytes(secret: string): Buffer | undefined {
  if (!secret.startsWith(prefix)) return undefined;
  const text = secret.slice(prefix.length);
  const bytes = Buffer.from(text, 'base64');
  const isWhole = bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return isWhole && bytes.length >= 24 && bytes.length <= 64 ? bytes : undefined;
}

/** webhook-signature. `seconds`: webhook-timestamp, since 1970. */
export function signatures(secrets: readonly string[], id: string, seconds: number, body: string): string {
  return secrets
    .map((secret) => {
      const key = secretBytes(secret);
      if (!key) throw new Error('no secret of a webhook');
      return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
    })
    .join(' ');
}
