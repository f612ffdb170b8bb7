import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the art comes from, and its licence as SPDX names it. */
export const emojiPackage = 'emoji-datasource-google@16.0.0';
export const emojiLicence = 'Apache-2.0';

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
 * @returns {Promise<{ uri: string, caption: string, source: string, licence: string }>} its media event
 */
export async function addStill(sprites, { code, name, phrase }, folder) {
  const file = join(folder, `${fileName(name)}.png`);
  await copyFile(join(sprites, 'img/google/64', `${code}.png`), file);
  await writeFile(file.replace(/png$/, 'txt'), `${phrase}\n`);
  return { uri: file, caption: phrase, source: `noto:${code}`, licence: emojiLicence };
}

/** @param {string} name */
export const fileName = (name) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
