import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Locked {
  version: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
  inBundle?: boolean;
}
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const locked = Object.entries<Locked>(read('package-lock.json').packages).filter(([path]) => path !== '');
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');
const installed = locked.filter(([, { dev }]) => !dev);

it('packages come from the registry, and each has its hash', () => {
  expect(locked.length).toBeGreaterThan(300);
  const foreign = locked.filter(
    ([, { resolved, integrity, inBundle }]) =>
      // The lock file leaves the registry's own addresses out.
      !inBundle && (resolved !== undefined || !integrity?.startsWith('sha512-')),
  );
  expect(foreign.map(([path]) => path)).toEqual([]);
});

it('every install script was decided on', () => {
  const { allowScripts } = read('package.json');
  const scripts = installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
  expect(scripts.length).toBeGreaterThan(0);
  expect([...new Set(scripts)].filter((name) => !(name in allowScripts))).toEqual([]);
});

/** Of each, whoever passes an installation on may do so under Apache-2.0 terms; libvips is a shared library. */
const allowed =
  /^(0BSD|Apache-2\.0|BlueOak-1\.0\.0|BSD-[23]-Clause|CC0-1\.0|ISC|LGPL-3\.0-or-later|MIT|Python-2\.0|Unlicense|WTFPL)$/;
/** Programs of their own, which THIRD_PARTY_NOTICES.md tells of; and a licence that the lock file lacks. */
const known = /^(@ffmpeg-installer|@ffprobe-installer)\/|^async$/;

it('an installation has no licence that nobody looked at', () => {
  const strange = installed
    .filter(([path]) => !known.test(nameOf(path)))
    .filter(
      ([, { license = 'none' }]) =>
        !license.split(/ (?:AND|OR) /).every((one) => allowed.test(one.replace(/[()]/g, ''))),
    );
  expect(strange.map(([path, { license }]) => `${nameOf(path)}: ${license}`)).toEqual([]);
});

it('the bill of materials names what an installation has, each with its hash', () => {
  const bill = JSON.parse(execFileSync('node', ['infra/sbom.mjs'], { encoding: 'utf8', maxBuffer: 2 ** 26 }));
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { type: 'application' } } });
  const components: { name: string; version: string; hashes: { content: string }[] }[] = bill.components;
  const named = new Map(components.map(({ name, version, hashes }) => [`${name}@${version}`, hashes[0]!.content]));
  for (const [path, { version, integrity }] of installed) {
    const hash = Buffer.from(integrity!.slice('sha512-'.length), 'base64').toString('hex');
    expect(named.get(`${nameOf(path)}@${version}`), path).toBe(hash);
  }
  const wanted = new Set(installed.map(([path, { version }]) => `${nameOf(path)}@${version}`));
  expect([...named.keys()].filter((one) => !wanted.has(one))).toEqual([]);
});
