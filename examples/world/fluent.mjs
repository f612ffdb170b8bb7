#!/usr/bin/env node
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { article } from './article.mjs';
import { colours, stands } from './colours.mjs';
import { isHeldOutCode } from './held-out.mjs';
import { writeMp4 } from './mp4.mjs';
import { pick, seeded } from './random.mjs';
import { plain, render } from './scene.mjs';
import { readAnimation } from './sprite.mjs';
import { fileName, readEntities } from './subjects.mjs';

/*
 * A second set: animated emoji, whose motion was drawn by people; see README.md beside this file.
 */

const clipSide = 64;
const frames = 16;
const quality = 10;
/** In units of the world: large, since what moves are parts of it. */
const pose = { x: 16, y: 16, size: 26, angle: 0 };
/** As the packages declare it. */
const declaredLicence = 'MIT';
/** Skin tones: the same subject again. */
const toned = /-1f3f[b-f]/;

const usage = `Usage: node examples/world/fluent.mjs --animations DIR --out DIR [--names DIR] [--seed N] [--held-out]
  --animations DIR  the unpacked npm package @lobehub/fluent-emoji-anim-1 (or -2, -3, -4); may be given several times
  --out DIR         where stills, clips and media.jsonl go
  --names DIR       the unpacked npm package emojibase-data: then people and faces are in it, not only the world's subjects
  --seed N          other backgrounds (1)
  --held-out        the held-out subjects instead of the others, to measure with
`;

const { values } = parseArgs({
  options: {
    animations: { type: 'string', multiple: true },
    out: { type: 'string' },
    names: { type: 'string' },
    seed: { type: 'string', default: '1' },
    'held-out': { type: 'boolean', default: false },
  },
});
if (!values.animations || !values.out) {
  process.stderr.write(usage);
  process.exit(2);
}
const { out, seed } = values;
await mkdir(join(out, 'stills'), { recursive: true });
await mkdir(join(out, 'clips'), { recursive: true });
const phrases = await readPhrases(values.names);
const stills = [];
const clips = [];
for (const folder of values.animations)
  for (const file of (await readdir(join(folder, 'assets'))).sort()) {
    const code = file.replace(/\.webp$/, '');
    const phrase = phrases.get(bare(code));
    if (!file.endsWith('.webp') || toned.test(code) || !phrase || isHeldOutCode(code) !== values['held-out']) continue;
    const made = await clipsOf(join(folder, 'assets', file), code, phrase);
    if (made.length === 0) continue;
    clips.push(...made);
    stills.push(await still(join(folder, 'assets', file), code, phrase));
  }
await writeFile(join(out, 'media.jsonl'), [...stills, ...clips].map((event) => `${JSON.stringify(event)}\n`).join(''));
process.stderr.write(`${stills.length} stills and ${clips.length} clips in ${out}\n`);

/**
 * One clip for each whole second; none of what stands still or would not be seen on any background.
 *
 * @param {string} file
 * @param {string} code
 * @param {string} phrase
 */
async function clipsOf(file, code, phrase) {
  const { sprites, delays } = await readAnimation(file, 2 * clipSide);
  if (sprites.length < 2) return [];
  const random = seeded(seed, 'fluent', code);
  const backgrounds = Object.entries(colours).filter(([, rgb]) => sprites[0] && stands(sprites[0], rgb));
  const ends = delays.map((_, n) => delays.slice(0, n + 1).reduce((sum, delay) => sum + delay, 0));
  const events = [];
  for (let second = 0; (second + 1) * 1000 <= (ends.at(-1) ?? 0) && backgrounds.length > 0; second++) {
    const [colour] = pick(random, backgrounds);
    const background = plain(colour, clipSide);
    const clip = new Uint8ClampedArray(frames * background.length);
    for (let f = 0; f < frames; f++) {
      const sprite = sprites[ends.findIndex((end) => (second + f / frames) * 1000 < end)];
      if (sprite) clip.set(render([{ sprite, at: [pose] }], background, clipSide), f * background.length);
    }
    const name = join(out ?? '', 'clips', `${fileName(phrase)}-${second}.mp4`);
    await writeMp4(name, clip, { side: clipSide, fps: frames, crf: quality });
    const caption = `${phrase}, animated, on ${article(colour)} ${colour} background`;
    await writeFile(name.replace(/mp4$/, 'txt'), `${caption}\n`);
    events.push({ uri: name, caption, source: `fluent-clip:${code}:${second}`, licence: declaredLicence });
  }
  return events;
}

/**
 * The frame in the middle of an animation as an image with its name.
 *
 * @param {string} file
 * @param {string} code
 * @param {string} phrase
 */
async function still(file, code, phrase) {
  const { pages = 1 } = await sharp(file).metadata();
  const name = join(out ?? '', 'stills', `${fileName(phrase)}.png`);
  await sharp(file, { page: pages >> 1 })
    .resize(clipSide, clipSide)
    .png()
    .toFile(name);
  await writeFile(name.replace(/png$/, 'txt'), `${phrase}\n`);
  return { uri: name, caption: phrase, source: `fluent:${code}`, licence: declaredLicence };
}

/**
 * How captions name what has which code.
 *
 * @param {string | undefined} names
 * @returns {Promise<Map<string, string>>}
 */
async function readPhrases(names) {
  const phrases = new Map();
  if (names)
    for (const { hexcode, label } of JSON.parse(await readFile(join(names, 'en/data.json'), 'utf8')))
      phrases.set(bare(hexcode), `${article(label)} ${label.replaceAll('’', "'")}`);
  for (const { code, phrase } of await readEntities()) phrases.set(bare(code), phrase);
  return phrases;
}

/** A code without its variation selectors. @param {string} code */
function bare(code) {
  return code.toLowerCase().replaceAll('-fe0f', '');
}
