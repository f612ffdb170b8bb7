import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { readCertificate, warningOf, watchCertificate } from '../../src/server/certificate.js';
import { testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await served.close();
});

/** Two certificates for localhost, each with its key. */
const pairs = { first: { cert: '', key: '' }, second: { cert: '', key: '' } };
beforeAll(async () => {
  const folder = await testFolder();
  for (const [name, pair] of Object.entries(pairs)) {
    Object.assign(pair, { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
        ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost', '-keyout', pair.key, '-out', pair.cert],
      ],
      { stdio: 'ignore' },
    );
  }
});

/** Files of one's own, which may change. */
async function ownPair(): Promise<typeof pairs.first> {
  const folder = await testFolder();
  const files = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  copyFileSync(pairs.first.cert, files.cert);
  copyFileSync(pairs.first.key, files.key);
  return files;
}

/** An answer over HTTPS, and whose certificate the server showed. No authority is asked: it is looked at here. */
function ask(url: string, path: string, { method = 'GET', body = '' } = {}) {
  return new Promise<{ status: number; text: string; name: string }>((resolve, reject) => {
    const headers = { connection: 'close', ...(body && { 'content-type': 'application/json' }) };
    const sent = request(`${url}${path}`, { method, headers, rejectUnauthorized: false, agent: false }, (answer) => {
      const { subject } = (answer.socket as import('node:tls').TLSSocket).getPeerCertificate();
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text, name: subject.CN as string }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

describe('HTTPS', patient, () => {
  it('serves all that HTTP does, and takes new files without a restart', async () => {
    const tls = await ownPair();
    const served = await serve(await ownTopology(), { tls });
    open.push(served);
    const { url } = served.server;
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(url, '/health')).toEqual({ status: 200, text: 'ok\n', name: 'first' });
    const job = await ask(url, '/v1/videos', { method: 'POST', body: '{"prompt": "a fox"}' });
    expect([job.status, JSON.parse(job.text).status]).toEqual([202, 'queued']);
    expect((await ask(url, '/metrics')).text).toMatch(/^vimi_https_certificate_expires_seconds \d{10}/m);
    // Plain HTTP finds nobody.
    await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
    // One file after the other, as people and tools do: half a pair harms nobody.
    copyFileSync(pairs.second.cert, tls.cert);
    expect((await ask(url, '/health')).name).toBe('first');
    copyFileSync(pairs.second.key, tls.key);
    await vi.waitFor(async () => expect((await ask(url, '/health')).name).toBe('second'), patient);
    // Emptied: the last good one stays.
    writeFileSync(tls.key, '');
    expect((await ask(url, '/health')).name).toBe('second');
  });

  it('says what is wrong with its files', async () => {
    const { first, second } = pairs;
    const topology = await ownTopology();
    for (const [files, text] of [
      [{ ...first, cert: '/nowhere.pem' }, /certificates in PEM, found ENOENT \(\/nowhere\.pem\)/],
      [{ ...first, key: first.cert }, /a private key in PEM, without a passphrase, found none that can be read/],
      [{ ...first, cert: first.key }, /found no certificate/],
      [{ ...first, key: second.key }, /the private key of the first certificate of the file, found the key of another/],
    ] as const) {
      const error = await thrownBy(async () => open.push(await serve(topology, { tls: files })));
      expect(error).toMatchObject({ code: 'TOPOLOGY_INVALID' });
      expect(error.message).toMatch(text);
    }
  });

  it('warns of a certificate that is over, or soon will be, and serves on with it', async () => {
    const day = 24 * 60 * 60 * 1000;
    const files = await ownPair();
    const certificate = readCertificate(files);
    const { validUntil, validFrom } = certificate;
    expect(warningOf(certificate, validFrom - 1)).toContain('valid only from');
    expect(warningOf(certificate, validUntil - 15 * day)).toBeUndefined();
    expect(warningOf(certificate, validUntil - 13 * day)).toContain('expires at');
    expect(warningOf(certificate, validUntil)).toContain('clients refuse it');
    const warnings: string[] = [];
    const log = { ...quietLog, warn: (_: object, text: string) => void warnings.push(text) };
    const watched = watchCertificate(files, () => {}, { log, now: () => validUntil + day });
    watched.close();
    expect(warnings).toEqual([expect.stringContaining('The certificate expired at ')]);
    expect(watched.now.cert).toBe(certificate.cert);
  });
});
