#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { colours, stands } from './colours.mjs';
import { motions } from './motions.mjs';
import { writeMp4 } from './mp4.mjs';
import { pick, seeded, shuffled } from './random.mjs';
import { captionOf, poses, render } from './scene.mjs';
import { readSprite } from './sprite.mjs';
import { addStill, isHeldOut, LICENCE, PACKAGE, readEntities } from './subjects.mjs';

/*
 * Makes the world that the small model learns from; see README.md beside this file.
 */

/**
 * Twice what the small model draws, because MP4s keep colour at half resolution. Measured on sprites of 16 model pixels:
 * encoded at 32 they come back 25 off (distance in RGB), encoded at 64 and halved again 4.
 */
const SIDE = 64;
const FRAMES = 8;
const FPS = 8;
const CRF = 10;
/** ffmpeg processes at once. */
const POOL = 2;

const usage = `Usage: node examples/world/make.mjs --sprites DIR --out DIR [--clips N] [--seed N] [--held-out]
  --sprites DIR  the unpacked npm package ${PACKAGE}
  --out DIR      where the world goes; its media.jsonl names the files below DIR as DIR is written here
  --clips N      how many clips (4000)
  --seed N       another world of the same kind (1)
  --held-out     clips of the subjects that a training world never shows in motion, to measure with
`;

/**
 * @param {string} sprites
 * @param {string} out
 * @param {number} clips
 * @param {string} seed
 * @param {boolean} heldOut
 */
async function make(sprites, out, clips, seed, heldOut) {
  const started = Date.now();
  await mkdir(join(out, 'stills'), { recursive: true });
  await mkdir(join(out, 'clips'), { recursive: true });

  const entities = await readEntities();
  const events = [];
  for (const entity of entities) events.push(await addStill(sprites, entity, join(out, 'stills')));

  const kind = heldOut ? 'held-out' : 'training';
  const subjects = shuffled(
    seeded(seed, kind),
    entities.filter(({ code }) => isHeldOut(code) === heldOut),
  );
  const truth = Array(clips);
  const clipEvents = Array(clips);
  let next = 0;
  const worker = async () => {
    while (next < clips) {
      const n = next++;
      // In turn, so that every subject is seen equally often.
      const subject = /** @type {import('./subjects.mjs').Entity} */ (subjects[n % subjects.length]);
      const sprite = await readSprite(join(sprites, 'img/google/64', `${subject.code}.png`));
      const random = seeded(seed, kind, n);
      const seen = Object.entries(colours).filter(([, rgb]) => stands(sprite, rgb));
      const [colour] = pick(random, seen);
      const motion = pick(random, Object.keys(motions));
      const scene = { phrase: subject.phrase, motion, colour };
      const at = poses(scene, FRAMES, random);
      const file = join(out, 'clips', `${String(n).padStart(5, '0')}.mp4`);
      await writeMp4(file, render(sprite, colour, at, SIDE), { side: SIDE, fps: FPS, crf: CRF });
      const caption = captionOf(scene);
      await writeFile(file.replace(/mp4$/, 'txt'), `${caption}\n`);
      clipEvents[n] = { uri: file, caption, source: `world:clip:${n}`, licence: LICENCE };
      truth[n] = {
        clip: n,
        subject: subject.code,
        motion,
        colour,
        poses: at.map(({ x, y, size, angle }) => [x, y, size, angle].map((v) => Math.round(v * 1000) / 1000)),
      };
      if ((n + 1) % 500 === 0) process.stderr.write(`${n + 1} of ${clips} clips, ${seconds(started)} s\n`);
    }
  };
  await Promise.all(Array.from({ length: POOL }, worker));

  await writeLines(join(out, 'media.jsonl'), [...events, ...clipEvents]);
  await writeLines(join(out, 'truth.jsonl'), truth);
  process.stderr.write(`${events.length} stills and ${clips} ${kind} clips in ${out}, ${seconds(started)} s\n`);
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
    'held-out': { type: 'boolean', default: false },
  },
});
const count = Number(values.clips);
if (!values.sprites || !values.out || !Number.isInteger(count) || count < 0) {
  process.stderr.write(usage);
  process.exit(2);
}
await make(values.sprites, values.out, count, values.seed, values['held-out']);
