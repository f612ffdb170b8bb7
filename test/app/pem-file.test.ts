import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCertificates, readPrivateKey } from '../../src/app/pem-file.js';
import { thrownBy } from '../operators/run-operator.js';

/** Of nobody, for a century. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUWMIv9gPvRSb1qlKllTF0m2qoYjIwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjMwOTQzNTRaGA8yMTI2MTAzMDA5NDM1NFow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKAM7vJmwem3
seaF9obeIyYpv+C/z8nS9QWuUNzkwQ1l1w8F6WOukxYe7N1WOtKJ/7G+NcWWrZHJ
LvQib7powKejUzBRMB0GA1UdDgQWBBTutpwTbotKGyv8T+gkA2rnnB7AvzAfBgNV
HSMEGDAWgBTutpwTbotKGyv8T+gkA2rnnB7AvzAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQD9OX9SRp2FDcsZXA4t8f0+ahzymMWP08tjsrF6jh/E
DwIgPXGmAt9K7FJi+QcACoNyc3iM3/6hOQkeoJ18OyS8lRM=
-----END CERTIFICATE-----
`;
let folder: string;
let key: string;
let cert: string;
const holding = (text: string | Buffer) => {
  const path = join(folder, 'held');
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-pem-'));
  [key, cert] = [join(folder, 'own.key'), join(folder, 'own.pem')];
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(cert, certificate);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('reads certificates, several and with words between them', () => {
  const one = readFileSync(cert, 'utf8').trim();
  expect(readCertificates(cert)).toBe(one);
  expect(readCertificates(holding(`# the old one\n${one}\n# the new one\n${one}\n`))).toBe(`${one}\n${one}`);
});

it('reads a private key', () => {
  expect(readPrivateKey(key)).toBe(readFileSync(key, 'utf8'));
});

it('says what is wrong with a file, without a word of what is in it', async () => {
  const damaged = readFileSync(cert, 'utf8').replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  mkdirSync(join(folder, 'folder'));
  for (const [read, found] of [
    [() => readCertificates(join(folder, 'nowhere')), 'ENOENT'],
    [() => readCertificates(join(folder, 'folder')), 'EISDIR'],
    [() => readCertificates(pipe), 'no certificate'],
    [() => readCertificates(holding('')), 'no certificate'],
    [() => readCertificates(key), 'no certificate'],
    [() => readCertificates(holding(damaged)), 'one that cannot be read'],
    [() => readCertificates(holding(Buffer.alloc(1024 * 1024 + 1))), 'more than 1048576 bytes'],
    [() => readPrivateKey(holding('hunter2')), 'none that can be read'],
    [() => readPrivateKey(cert), 'none that can be read'],
  ] as const) {
    const error = await thrownBy(async () => read());
    expect(error.code).toBe('TOPOLOGY_INVALID');
    expect(error.message).toContain(`found ${found}`);
    expect(error.message).not.toMatch(/hunter2|MII/);
  }
});
