import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCertificates, readPrivateKey } from '../../src/cli/pem-file.js';
import { thrownBy } from '../operators/run-operator.js';

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
  const names = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=a'];
  execFileSync('openssl', ['req', ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
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
