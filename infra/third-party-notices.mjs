// Writes THIRD_PARTY_NOTICES.md from package-lock.json: every package that an installation of vimi has or may have.
//   node infra/third-party-notices.mjs           writes it
//   node infra/third-party-notices.mjs --check   fails when it is not current
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(repository, 'THIRD_PARTY_NOTICES.md');
const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));

/** Where the lock file has no licence, or an address instead of one: as their own files say. */
const known = new Map([
  ['async', 'MIT'],
  ['@ffmpeg-installer/darwin-arm64', 'As LICENSE.md of ffmpeg says'],
]);

/** @type {Map<string, Set<string>>} */
const byLicence = new Map();
for (const [path, { version, license, dev }] of Object.entries(packages)) {
  if (path === '' || dev) continue;
  const name = path.replace(/^.*node_modules\//, '');
  const licence = known.get(name) ?? String(license).replace('GPLv3', 'GPL-3.0');
  byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(`${name} ${version}`));
}
const sections = [...byLicence]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([licence, names]) => `## ${licence}\n\n${[...names].sort().join(' · ')}`);

const text = `# Third-party notices

vimi itself is under the Apache License 2.0 (LICENSE). It is installed together with the packages below, each under its own
licence; the licence texts lie in the packages. Generated from package-lock.json by \`node infra/third-party-notices.mjs\`.

Three of them need a closer look before you pass an installation on:

- **ffmpeg and ffprobe** (\`@ffmpeg-installer\`, \`@ffprobe-installer\`) are separate programs, run and not linked. The builds
  contain parts under the **GNU GPL 3**. Whoever hands an image or an installer with them to others has to offer their source
  as the GPL asks. To leave them out, install your own ffmpeg, name it in VIMI_FFMPEG and VIMI_FFPROBE, and remove these
  packages.
- **libvips** (\`@img/sharp-libvips-*\`), which sharp loads as a shared library, is under the **GNU LGPL 3 or later**, with
  other libraries inside that its own notices list.
- **libtensorflow**, which \`npm run setup:tensorflow\` fetches when asked to, is under the Apache License 2.0 and brings
  notices of its own.

The example media, the emoji art that the models were trained on, the letters of the contact sheets and the weights have their
notices beside them: examples/media/NOTICE.md, examples/world/NOTICE.md, assets/labels/LICENSE.txt, weights/*/README.md.

${sections.join('\n\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (text !== readFileSync(file, 'utf8')) {
  console.error('THIRD_PARTY_NOTICES.md is not current: node infra/third-party-notices.mjs');
  process.exitCode = 1;
}
