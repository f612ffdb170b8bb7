import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where the art comes from, and its licence as SPDX names it. `google` is what the shipped weights were trained with; `twitter` is a
 * style that they never saw, to measure with.
 *
 * @typedef {{ folder: string, source: string, licence: string, package: string }} Art
 * @type {Record<'google' | 'twitter', Art>}
 */
export const arts = {
  google: {
    folder: 'img/google/64',
    source: 'noto',
    licence: 'Apache-2.0',
    package: 'emoji-datasource-google@16.0.0',
  },
  twitter: {
    folder: 'img/twitter/64',
    source: 'twemoji',
    licence: 'CC-BY-4.0',
    package: 'emoji-datasource-twitter@16.0.0',
  },
};
export const { package: emojiPackage, licence: emojiLicence } = arts.google;

/**
 * `code`: the file name of its image, code points in hex. `phrase`: as a caption names it, with its article.
 *
 * @typedef {{ code: string, name: string, phrase: string, group: 'animals' | 'food' | 'objects' | 'travel' }} Entity
 */

/** @returns {Promise<Entity[]>} */
export async function readEntities() {
  const lines = await readFile(new URL('entities.jsonl', import.meta.url), 'utf8');
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const heldOut = new Set(
  JSON.parse(await readFile(new URL('held-out.json', import.meta.url), 'utf8')).map(
    (/** @type {{ code: string }} */ { code }) => code,
  ),
);

/** Whether no training clip may show it. @param {string} code */
export const isHeldOut = (code) => heldOut.has(code);

/**
 * Puts a subject's image and, beside it, what it shows into a folder.
 *
 * @param {string} sprites the unpacked package
 * @param {Entity} entity
 * @param {string} folder
 * @param {Art} art
 * @returns {Promise<{ uri: string, caption: string, source: string, licence: string }>} its media event
 */
export async function addStill(sprites, { code, name, phrase }, folder, art = arts.google) {
  const file = join(folder, `${fileName(name)}.png`);
  await copyFile(join(sprites, art.folder, `${code}.png`), file);
  await writeFile(file.replace(/png$/, 'txt'), `${phrase}\n`);
  return { uri: file, caption: phrase, source: `${art.source}:${code}`, licence: art.licence };
}

/** @param {string} name */
export const fileName = (name) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
