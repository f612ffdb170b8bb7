import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readStartSync } from '../core/bounded-file.js';
import { VimiError } from '../core/errors.js';

/** All authorities of an operating system are a fifth of it. */
const mostBytes = 1024 * 1024;

/** The certificates of a file in PEM, each looked at; TOPOLOGY_INVALID when there are none. */
export function readCertificates(path: string): string {
  const expected = 'a file of certificates in PEM';
  const text = read(path, expected);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(path, expected, 'no certificate');
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch {
    throw unusable(path, expected, 'one that cannot be read');
  }
  return blocks.join('\n');
}

/** A private key in PEM. What is wrong with it is said without a word of what is in the file. */
export function readPrivateKey(path: string): string {
  const expected = 'a private key in PEM, without a passphrase';
  const text = read(path, expected);
  try {
    createPrivateKey(text);
  } catch {
    throw unusable(path, expected, 'none that can be read');
  }
  return text;
}

function read(path: string, expected: string): string {
  let bytes: Buffer;
  try {
    ({ bytes } = readStartSync(path, mostBytes));
  } catch (thrown) {
    throw unusable(path, expected, String((thrown as { code?: unknown }).code));
  }
  if (bytes.length > mostBytes) throw unusable(path, expected, `more than ${mostBytes} bytes`);
  return bytes.toString('utf8');
}

function unusable(where: string, expected: string, found: string): VimiError {
  return new VimiError('TOPOLOGY_INVALID', 'A file that the profile names for TLS cannot be used', {
    expected,
    found,
    where,
  });
}
