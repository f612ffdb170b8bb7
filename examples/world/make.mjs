#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addBackground, isBackgroundHeldOut, readBackground, readBackgrounds } from './backgrounds.mjs';
import { alone, behind, changed, inFront, together, togetherInFront, wandering } from './cast.mjs';
import { asItIs, changes, writeSprite } from './changes.mjs';
import { posts } from './fence.mjs';
import { writeMp4 } from './mp4.mjs';
import { seeded, shuffled } from './random.mjs';
import { captionOf, render } from './scene.mjs';
import { readSprite } from './sprite.mjs';
import { addStill, arts, emojiPackage, isHeldOut, readEntities } from './subjects.mjs';
import { reworded, wordings } from './wordings.mjs';

/*
 * Makes the world that the small model learns from; see README.md beside this file.
 */

/**
 * Twice what the small model draws, because MP4s keep colour at half resolution. Measured on sprites of 16 model pixels:
 * encoded at 32 they come back 25 off (distance in RGB), encoded at 64 and halved again 4.
 */
const clipSide = 64;
/** A second. Every second frame of it is a clip of 8 at 8 a second. */
const clipFrames = 16;
const clipFps = 16;
const quality = 10;
/** ffmpeg processes at once. */
const atOnce = 2;

const usage = `Usage: node examples/world/make.mjs --sprites DIR --out DIR [--clips N] [--seed N] [--two P] [--images P] [--three P] [--changes P] [--fences P] [--paths P] [--reworded P] [--wording SET] [--held-out] [--art STYLE]
  --sprites DIR  the unpacked npm package ${emojiPackage}
  --out DIR      where the world goes; its media.jsonl names the files below DIR as DIR is written here
  --clips N      how many clips (4000)
  --seed N       another world of the same kind (1)
  --two P        the share of clips with two subjects (0.2)
  --images P   the share of clips with an image for a background (0.2)
  --three P    the share of clips with two subjects and an image for a background (0)
  --changes P  the share of clips whose caption asks for another appearance than the image shows (0)
  --fences P   the share of clips in which the subject passes behind a fence (0)
  --paths P    the share of clips in which the subject moves as only other clips with the same verb tell (0)
  --reworded P   the share of clips whose caption is said in other words (0); the clips stay the same
  --wording SET  trained, or new for words to measure with, which no training world has (trained)
  --held-out     clips of the subjects and backgrounds that a training world never shows in motion, to measure with
  --art STYLE    google, or twitter for the art of ${arts.twitter.package}: a style to measure with (google)
`;

/**
 * @param {string} sprites
 * @param {string} out
 * @param {number} clips
 * @param {{ seed: string, two: number, images: number, three: number, changes: number, fences: number, paths: number, reworded: number, wording: import('./wordings.mjs').Wording, heldOut: boolean, art: import('./subjects.mjs').Art }} options
 */
async function make(sprites, out, clips, options) {
  const { seed, two, images, three, changes: changing, fences, paths, heldOut, art } = options;
  const started = Date.now();
  await mkdir(join(out, 'stills'), { recursive: true });
  await mkdir(join(out, 'clips'), { recursive: true });

  // What is held out is in no training world at all; to be drawn, its images are in the world that is measured with.
  const entities = (await readEntities()).filter(({ code }) => heldOut || !isHeldOut(code));
  const allBackgrounds = (await readBackgrounds()).filter((background) => heldOut || !isBackgroundHeldOut(background));
  const events = [];
  for (const entity of entities) events.push(await addStill(sprites, entity, join(out, 'stills'), art));
  for (const background of allBackgrounds)
    if (!background.code) events.push(await addBackground(background, join(out, 'stills')));

  const kind = heldOut ? 'held-out' : 'training';
  const subjects = shuffled(
    seeded(seed, kind),
    entities.filter(({ code }) => isHeldOut(code) === heldOut),
  );
  const backgrounds = allBackgrounds.filter((background) => isBackgroundHeldOut(background) === heldOut);
  /** @param {import('./subjects.mjs').Entity} entity */
  const spriteOf = ({ code }) => readSprite(join(sprites, art.folder, `${code}.png`));

  /** @param {import('./backgrounds.mjs').Background} background */
  const pixelsOf = (background) => readBackground(sprites, background, clipSide, art);

  /** @param {number} n @returns {Promise<import('./cast.mjs').Take>} */
  async function takeOf(n) {
    // In turn, so that every subject is seen equally often.
    const entity = /** @type {import('./subjects.mjs').Entity} */ (subjects[n % subjects.length]);
    const stage = { random: seeded(seed, kind, n), frames: clipFrames, side: clipSide, spriteOf, pixelsOf };
    const u = stage.random();
    if (u < images) return inFront(stage, entity, backgrounds);
    if (u >= 1 - fences) return behind(stage, entity);
    if (u >= 1 - fences - changing) return changed(stage, entity);
    if (u >= 1 - fences - changing - paths) return wandering(stage, entity, { seed, heldOut });
    if (u >= images + two + three) return alone(stage, entity);
    for (;;) {
      const take =
        u < images + two
          ? await together(stage, entity, subjects)
          : await togetherInFront(stage, entity, subjects, backgrounds);
      if (take) return take;
    }
  }

  const truth = Array(clips);
  const clipEvents = Array(clips);
  let next = 0;
  const worker = async () => {
    while (next < clips) {
      const n = next++;
      const take = await takeOf(n);
      const { actors, background, pixels, fence } = take;
      const file = join(out, 'clips', `${String(n).padStart(5, '0')}.mp4`);
      await writeMp4(file, render(actors, pixels, clipSide, fence), { side: clipSide, fps: clipFps, crf: quality });
      const caption = captionIn({ actors, background, fence }, seeded(seed, kind, n, 'caption'), options);
      await writeFile(file.replace(/mp4$/, 'txt'), `${caption}\n`);
      clipEvents[n] = { uri: file, caption, source: `world:clip:${n}`, licence: art.licence };
      truth[n] = truthOf(n, caption, take);
      if (take.plain) await writeLooks(take.plain, join(out, 'looks', String(n).padStart(5, '0')));
      if ((n + 1) % 500 === 0) process.stderr.write(`${n + 1} of ${clips} clips, ${seconds(started)} s\n`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));

  await writeLines(join(out, 'media.jsonl'), [...events, ...clipEvents]);
  await writeLines(join(out, 'truth.jsonl'), truth);
  process.stderr.write(`${events.length} stills and ${clips} ${kind} clips in ${out}, ${seconds(started)} s\n`);
}

/**
 * In other words for a share of the clips. Its own `random` leaves the clip what it is.
 *
 * @param {import('./scene.mjs').Scene} scene
 * @param {() => number} random
 * @param {{ reworded: number, wording: import('./wordings.mjs').Wording }} options
 */
const captionIn = (scene, random, { reworded: share, wording }) =>
  random() < share ? reworded(random, wording, scene) : captionOf(scene);

/**
 * What a clip shows. Of one subject on a plain colour it is told in the record's own fields, too.
 *
 * @param {number} clip
 * @param {string} caption
 * @param {import('./cast.mjs').Take} take
 */
function truthOf(clip, caption, { actors, background, fence }) {
  const subjects = actors.map(({ entity, phrase, motion, place, at, change }) => ({
    ...{ entity: entity.code, phrase, motion, place, ...(change && { change }) },
    poses: at.map(({ x, y, size, angle }) => [x, y, size, angle].map((v) => Math.round(v * 1000) / 1000)),
  }));
  const [first] = subjects;
  const simple = first && subjects.length === 1 && 'colour' in background && !first.change && !fence;
  return {
    clip,
    ...(simple && { subject: first.entity, motion: first.motion, colour: background.colour, poses: first.poses }),
    ...{ caption, subjects, background, ...(fence && { fence: { colour: fence, posts } }) },
  };
}

/**
 * The subject as it is and in every change of its appearance, to compare videos with.
 *
 * @param {import('./sprite.mjs').Sprite} sprite
 * @param {string} folder
 */
async function writeLooks(sprite, folder) {
  await mkdir(folder, { recursive: true });
  await writeSprite(sprite, join(folder, `${asItIs}.png`));
  for (const [name, { look }] of Object.entries(changes))
    if (look) await writeSprite(look(sprite), join(folder, `${name}.png`));
}

/** @param {number} since */
const seconds = (since) => Math.round((Date.now() - since) / 1000);

/** @param {string} file @param {object[]} rows */
const writeLines = (file, rows) => writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

const { values } = parseArgs({
  options: {
    sprites: { type: 'string' },
    out: { type: 'string' },
    clips: { type: 'string', default: '4000' },
    seed: { type: 'string', default: '1' },
    two: { type: 'string', default: '0.2' },
    images: { type: 'string', default: '0.2' },
    three: { type: 'string', default: '0' },
    changes: { type: 'string', default: '0' },
    fences: { type: 'string', default: '0' },
    paths: { type: 'string', default: '0' },
    reworded: { type: 'string', default: '0' },
    wording: { type: 'string', default: 'trained' },
    'held-out': { type: 'boolean', default: false },
    art: { type: 'string', default: 'google' },
  },
});
const [count, two, images] = [Number(values.clips), Number(values.two), Number(values.images)];
const three = Number(values.three);
const [changing, fences, paths] = [Number(values.changes), Number(values.fences), Number(values.paths)];
const shares = [two, images, three, changing, fences, paths];
const areShares = shares.every((share) => share >= 0) && shares.reduce((sum, share) => sum + share) <= 1;
const art = values.art === 'google' || values.art === 'twitter' ? arts[values.art] : undefined;
const wording = values.wording === 'trained' || values.wording === 'new' ? wordings[values.wording] : undefined;
const other = Number(values.reworded);
const isShare = other >= 0 && other <= 1;
if (
  !art ||
  !wording ||
  !isShare ||
  !values.sprites ||
  !values.out ||
  !Number.isInteger(count) ||
  count < 0 ||
  !areShares
) {
  process.stderr.write(usage);
  process.exit(2);
}
await make(values.sprites, values.out, count, {
  ...{ seed: values.seed, two, images, three, changes: changing, fences, paths, heldOut: values['held-out'], art },
  ...{ reworded: other, wording },
});
