// A certificate for 127.0.0.1 and localhost that signs itself, for the listeners with TLS. Clients are shown it by
// NODE_EXTRA_CA_CERTS (Node) or their own setting for a CA.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { need } from './install.mjs';
import { run, writePrivate } from './places.mjs';

const [key, cert, bundle] = ['tls.key', 'tls.crt', 'tls.pem'].map((name) => join(run, name));

/** Paths of the key, of the certificate, and of one file with both. */
export function certificate() {
  if (!existsSync(bundle)) {
    need('openssl', 'version', 'install openssl; it makes the certificate of the servers');
    const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '3650',
        '-subj',
        '/CN=localhost',
        '-addext',
        names,
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    writePrivate(key, readFileSync(key, 'utf8'));
    writePrivate(bundle, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
  }
  return { key, cert, bundle };
}
