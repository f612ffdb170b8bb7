import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from '../media/make-media.js';
import { patient } from '../support/patience.js';

/* Servers with TLS on this machine, whose certificates are signed by a CA that nobody knows. */

const root = join(import.meta.dirname, '../..');
const folder = await testFolder();
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
const image = (name: string) => readFileSync(join(root, `examples/media/images/${name}.png`));

/** Signed by the CA, for an address or a name. */
function certificate(name: string, subject: string) {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl('req', ...key, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${subject}\n`);
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`);
  return { key: readFileSync(join(folder, `${name}.key`)), cert: readFileSync(join(folder, `${name}.crt`)) };
}

async function serve(name: string, subject: string): Promise<number> {
  const server = createServer(certificate(name, subject), ({ url }, response) => {
    if (url === '/robots.txt' || url?.startsWith('/.well-known')) response.writeHead(404).end();
    else response.end(image(url!.slice(1).split('.')[0]!));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

let port: number;
let wrongPort: number;
beforeAll(async () => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=own CA', '-out', 'ca.crt');
  port = await serve('right', 'IP:127.0.0.1');
  wrongPort = await serve('wrong', 'DNS:elsewhere.example');
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'topology.yaml'),
    topology
      .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
      .replace(/^# media_hosts: .*$/m, `media_hosts: ["127.0.0.1:${port}", "127.0.0.1:${wrongPort}"]`),
  );
});

async function ingest(at: number, name: string, env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(folder, 'list.jsonl'), `{"url": "https://127.0.0.1:${at}/${name}.png", "text": "a ${name}"}\n`);
  const args = [join(root, 'dist/cli/main.js'), 'ingest', 'list.jsonl', '--list'];
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, ...env } });
  const closed = new Promise<number | null>((done) => child.on('close', done));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { out, err, code: await closed };
}

describe('media over https', patient, () => {
  it('are rejected while nobody knows the CA, with what to do', async () => {
    // Nor does it help to turn the checks off.
    const { out, err, code } = await ingest(port, 'fox', {
      NODE_EXTRA_CA_CERTS: '',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    });
    expect(out, err).toMatch(/SOURCE_UNREACHABLE at fetch: .*unable to verify the first certificate/);
    expect(out).toContain('name its PEM file in NODE_EXTRA_CA_CERTS');
    expect(code).toBe(3);
  });

  it('are fetched with the CA in NODE_EXTRA_CA_CERTS', async () => {
    const { out, code } = await ingest(port, 'fox', { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') });
    expect(out).toContain(`delivered https://127.0.0.1:${port}/fox.png`);
    expect(code).toBe(0);
  });

  it('are rejected if the certificate is for another name', async () => {
    const { out, code } = await ingest(wrongPort, 'whale', { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') });
    expect(out).toMatch(/SOURCE_UNREACHABLE at fetch: .*does not match certificate's altnames/);
    expect(out).not.toContain('NODE_EXTRA_CA_CERTS');
    expect(code).toBe(3);
  });
});
