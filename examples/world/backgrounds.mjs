import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { isHeldOutName } from './held-out.mjs';
import { between, pick, seeded } from './random.mjs';
import { arts, fileName, isHeldOut, readEntities } from './subjects.mjs';

/*
 * Images that subjects move in front of. Each is a document of the corpus, named by its phrase. Seventeen are emoji that
 * fill their square; the others are drawn here, and their names are invented places, which say what kind of an image it
 * is and nothing of its colours and shapes: those can be known from the image alone.
 */

/** `code`: of the emoji; none when it is drawn. @typedef {{ phrase: string, code?: string }} Background */

/** The licence of what is drawn here: this project's. */
const ownLicence = 'Apache-2.0';
const eachKind = 25;

const emoji = new Set(
  (
    '1f301 1f303 1f304 1f305 1f306 1f307 1f309 1f30c 1f386 1f387 1f391 1f3d9-fe0f 1f3dc-fe0f 1f3de-fe0f ' +
    '1f5fe 1f6e3-fe0f 1f9f1'
  ).split(' '),
);

/** @param {number} h @param {number} s @param {number} l */
const hsl = (h, s, l) => `hsl(${Math.round(h) % 360},${Math.round(s)}%,${Math.round(l)}%)`;
/** @param {number} x @param {number} y @param {number} w @param {number} h @param {string} fill */
const rect = (x, y, w, h, fill) => `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${fill}"/>`;
/** @param {number} x @param {number} y @param {number} r @param {string} fill */
const disc = (x, y, r, fill) => `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`;
/** @param {[number, number][]} points @param {string} fill */
const shape = (points, fill) => `<polygon points="${points.map(([x, y]) => `${x},${y}`).join(' ')}" fill="${fill}"/>`;
/** @template T @param {number} n @param {(i: number) => T} make */
const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));

/** A sky from the top down, two hues of it. @param {() => number} r @param {number} low @param {number} high */
function sky(r, low, high) {
  const hue = between(r, 0, 360);
  const [a, b] = [
    hsl(hue, between(r, 40, 90), between(r, low, high)),
    hsl(hue + between(r, 20, 90), 70, between(r, low, high)),
  ];
  const stops = `<stop offset="0" stop-color="${a}"/><stop offset="1" stop-color="${b}"/>`;
  return `<defs><linearGradient id="sky" x2="0" y2="1">${stops}</linearGradient></defs>${rect(0, 0, 100, 100, 'url(#sky)')}`;
}

/** A wavy land that begins at a height. @param {() => number} r @param {number} top @param {string} fill */
function land(r, top, fill) {
  const [swing, phase, waves] = [between(r, 3, 10), between(r, 0, 6.3), between(r, 0.6, 2)];
  const edge = times(
    21,
    (i) => /** @type {[number, number]} */ ([i * 5, top + swing * Math.sin(phase + (waves * i) / 3.2)]),
  );
  return shape([...edge, [100, 100], [0, 100]], fill);
}

/** By noun: the image as SVG elements in a square of 100. @type {Readonly<Record<string, (r: () => number) => string>>} */
const kinds = {
  meadow: (r) => {
    const [hue, flower] = [between(r, 50, 170), hsl(between(r, 0, 360), 85, between(r, 55, 80))];
    const flowers = times(Math.round(between(r, 8, 22)), () =>
      disc(between(r, 3, 97), between(r, 68, 97), between(r, 1.5, 3), flower),
    );
    const hills =
      land(r, between(r, 40, 55), hsl(hue, 50, between(r, 30, 45))) +
      land(r, 62, hsl(hue + 15, 55, between(r, 40, 55)));
    return sky(r, 60, 90) + hills + flowers.join('');
  },
  bay: (r) => {
    const [hue, line] = [between(r, 160, 250), between(r, 40, 60)];
    const sun = disc(
      between(r, 15, 85),
      between(r, 12, line),
      between(r, 7, 14),
      hsl(between(r, 10, 60), 95, between(r, 60, 85)),
    );
    const waves = times(5, (i) => rect(between(r, 0, 50), line + 6 + i * 8, between(r, 20, 50), 2, hsl(hue, 60, 75)));
    return sky(r, 55, 85) + sun + rect(0, line, 100, 100, hsl(hue, 60, between(r, 30, 50))) + waves.join('');
  },
  desert: (r) => {
    const hue = between(r, 10, 55);
    const dunes = times(3, (i) => land(r, 48 + i * 16, hsl(hue + i * 4, 60, 75 - i * between(r, 8, 16))));
    return sky(r, 50, 90) + dunes.join('');
  },
  ridge: (r) => {
    const [hue, snow] = [between(r, 0, 360), between(r, 6, 16)];
    const peaks = times(Math.round(between(r, 2, 5)), () => {
      const [x, y, w] = [between(r, 5, 95), between(r, 12, 45), between(r, 28, 50)];
      const tip = snow * (w / (100 - y));
      const rock = shape(
        [
          [x, y],
          [x - w, 100],
          [x + w, 100],
        ],
        hsl(hue, between(r, 10, 35), between(r, 25, 50)),
      );
      return (
        rock +
        shape(
          [
            [x, y],
            [x - tip, y + snow],
            [x + tip, y + snow],
          ],
          hsl(hue, 20, 95),
        )
      );
    });
    return sky(r, 60, 90) + peaks.join('');
  },
  sky: (r) => {
    const stars = times(Math.round(between(r, 10, 40)), () =>
      disc(between(r, 0, 100), between(r, 0, 100), between(r, 0.6, 1.8), '#fff8d0'),
    );
    const moon = disc(between(r, 15, 85), between(r, 15, 60), between(r, 6, 15), hsl(between(r, 20, 70), 70, 85));
    return sky(r, 8, 30) + stars.join('') + moon + land(r, between(r, 80, 95), hsl(between(r, 0, 360), 30, 8));
  },
  street: (r) => {
    const hue = between(r, 0, 360);
    let houses = '';
    for (let x = 0; x < 100; ) {
      const [w, h] = [between(r, 12, 26), between(r, 25, 75)];
      houses += rect(x, 100 - h, w, h, hsl(hue + between(r, -40, 40), between(r, 20, 60), between(r, 20, 60)));
      const lit = hsl(between(r, 40, 60), 90, between(r, 60, 85));
      for (let y = 106 - h; y < 94; y += 10)
        houses += rect(x + w * 0.2, y, w * 0.2, 4, lit) + rect(x + w * 0.6, y, w * 0.2, 4, lit);
      x += w;
    }
    return sky(r, 40, 85) + houses;
  },
  forest: (r) => {
    const hue = between(r, 70, 190);
    const trees = times(Math.round(between(r, 7, 14)), () => {
      const [x, y, w] = [between(r, 0, 100), between(r, 15, 60), between(r, 8, 16)];
      return (
        rect(x - 1.5, y + 30, 3, 30, '#5b3a21') +
        shape(
          [
            [x, y],
            [x - w, y + 35],
            [x + w, y + 35],
          ],
          hsl(hue + between(r, -20, 20), 50, between(r, 22, 48)),
        )
      );
    });
    return sky(r, 55, 90) + rect(0, 80, 100, 20, hsl(hue + 10, 40, between(r, 25, 45))) + trees.join('');
  },
  wallpaper: (r) => {
    const [hue, size] = [between(r, 0, 360), between(r, 10, 26)];
    const [a, b] = [
      hsl(hue, between(r, 30, 90), between(r, 30, 85)),
      hsl(hue + between(r, 40, 320), between(r, 30, 90), between(r, 30, 85)),
    ];
    const form = pick(r, [
      rect(0, 0, size / 2, size, b),
      disc(size / 2, size / 2, size * between(r, 0.2, 0.4), b),
      rect(0, 0, size / 2, size / 2, b) + rect(size / 2, size / 2, size / 2, size / 2, b),
      shape(
        [
          [size / 2, 0],
          [size, size / 2],
          [size / 2, size],
          [0, size / 2],
        ],
        b,
      ),
    ]);
    const turn = `patternUnits="userSpaceOnUse" width="${size}" height="${size}" patternTransform="rotate(${pick(r, [0, 30, 45, 90])})"`;
    return `<defs><pattern id="p" ${turn}>${form}</pattern></defs>${rect(0, 0, 100, 100, a)}${rect(0, 0, 100, 100, 'url(#p)')}`;
  },
};

/** Three syllables, so that no English word comes out. @param {() => number} r */
function placeName(r) {
  const syllable = () => pick(r, [...'bdfgklmnprstvz']) + pick(r, [...'aeiou']);
  const name = syllable() + syllable() + syllable() + pick(r, ['', 'n', 'r', 'l']);
  return name.replace(/^./, (first) => first.toUpperCase());
}

/** @returns {Promise<Background[]>} */
export async function readBackgrounds() {
  const scenes = (await readEntities()).filter(({ code }) => emoji.has(code));
  const random = seeded('places');
  const taken = new Set();
  const drawn = Object.keys(kinds).flatMap((kind) =>
    times(eachKind, () => {
      let name = placeName(random);
      while (taken.has(name)) name = placeName(random);
      taken.add(name);
      return { phrase: `the ${kind} of ${name}` };
    }),
  );
  return [...scenes.map(({ phrase, code }) => ({ phrase, code })), ...drawn];
}

/** Whether no training clip may show it. @param {Background} background */
export function isBackgroundHeldOut({ phrase, code }) {
  return code ? isHeldOut(code) : isHeldOutName(phrase);
}

/**
 * The image: RGB 0 to 255, [side, side, 3]. Of an emoji its rounded corners are cut off.
 *
 * @param {string} sprites the unpacked package
 * @param {Background} background
 * @param {number} side pixels
 * @param {import('./subjects.mjs').Art} art
 */
export async function readBackground(sprites, { phrase, code }, side, art = arts.google) {
  const inside = { left: 5, top: 5, width: 54, height: 54 };
  const image = code
    ? sharp(join(sprites, art.folder, `${code}.png`))
        .extract(inside)
        .flatten({ background: '#ffffff' })
    : sharp(svg(phrase)).removeAlpha();
  return Float32Array.from(await image.toColourspace('srgb').resize(side, side, { fit: 'fill' }).raw().toBuffer());
}

/** @param {string} phrase */
function svg(phrase) {
  const kind = phrase.split(' ')[1] ?? '';
  const drawing = kinds[kind]?.(seeded(phrase));
  if (!drawing) throw new Error(`no such background: ${phrase}`);
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 100 100">${drawing}</svg>`,
  );
}

/**
 * Puts a drawn background and, beside it, its name into a folder; an emoji lies there as a subject already.
 *
 * @param {Background} background
 * @param {string} folder
 * @returns {Promise<{ uri: string, caption: string, source: string, licence: string }>} its media event
 */
export async function addBackground({ phrase }, folder) {
  const file = join(folder, `${fileName(phrase)}.png`);
  await sharp(svg(phrase)).removeAlpha().resize(64, 64).png().toFile(file);
  await writeFile(file.replace(/png$/, 'txt'), `${phrase}\n`);
  return { uri: file, caption: phrase, source: `ground:${fileName(phrase)}`, licence: ownLicence };
}
