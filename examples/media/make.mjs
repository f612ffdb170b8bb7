#!/usr/bin/env node
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addBackground } from '../world/backgrounds.mjs';
import { ffmpeg, writeMp4 } from '../world/mp4.mjs';
import { alongForm, movement } from '../world/paths.mjs';
import { seeded } from '../world/random.mjs';
import { captionOf, plain, poses, render } from '../world/scene.mjs';
import { readSprite } from '../world/sprite.mjs';
import { addStill, fileName, isHeldOut, emojiLicence, readEntities } from '../world/subjects.mjs';

/*
 * Makes this folder's images, clips and media.jsonl again. Run it in the repository's root; NOTICE.md names the sources.
 */

const outFolder = 'examples/media';

const images = `fox, penguin, butterfly, honeybee, turtle, cat, dog, horse, cow, pig, rabbit, mouse, elephant, lion, bear,
  panda, koala, zebra, giraffe, frog, snake, crocodile, octopus, whale, tropical fish, parrot, owl, flamingo, swan, duck,
  chicken, spider, ant, snail, lady beetle, beaver, otter, sloth, bat, jellyfish, tiger, raccoon, shark, crab, lobster,
  dolphin, peacock, deer, rooster, moose,
  watermelon, strawberry, banana, pineapple, red apple, green apple, pear, peach, lemon, cherries, tomato, eggplant,
  avocado, broccoli, onion, mushroom, carrot, grapes, pizza, hamburger, hot dog, taco, sushi, pretzel, doughnut, cookie,
  cupcake, birthday cake, ice cream, lollipop, cheese wedge, egg, croissant, pancakes, waffle, teapot, hot beverage,
  bubble tea,
  balloon, guitar, trumpet, drum, violin, accordion, umbrella, glasses, crown, top hat, jeans, dress, backpack,
  running shoe, scissors, hammer, key, light bulb, camera, television, laptop, alarm clock, bell, wrapped gift,
  teddy bear, kite, yo-yo, puzzle piece, game die, basketball, soccer ball, boxing glove, paintbrush, pencil, books,
  magnet, candle, broom, bucket, chair, high voltage,
  automobile, bus, taxi, tractor, fire engine, ambulance, bicycle, motor scooter, train, airplane, helicopter, rocket,
  sailboat, ship, canoe, flying saucer, hot springs, ferris wheel, castle, house, hut, tent, volcano, mountain, rainbow,
  snowman, sun, crescent moon, ringed planet, cloud, fire, star, cactus, sunflower, tulip, palm tree, evergreen tree,
  anchor, fountain, snowflake`;

/** @type {[name: string, motion: string, colour: string][]} */
const moving = [
  ['fox', 'left', 'blue'],
  ['penguin', 'right', 'yellow'],
  ['butterfly', 'up', 'green'],
  ['honeybee', 'circle', 'purple'],
  ['turtle', 'still', 'orange'],
  ['watermelon', 'down', 'white'],
  ['strawberry', 'bounce', 'blue'],
  ['pizza', 'spin', 'purple'],
  ['balloon', 'grow', 'black'],
  ['automobile', 'left', 'green'],
  ['helicopter', 'up', 'red'],
  ['flying saucer', 'shrink', 'black'],
];

/** An image to move in front of. No training world has it. */
const background = 'the desert of Nopodun';

/** Movements that no training world has: a prompt can only mean these clips by their verbs. @type {[name: string, movement: string, colour: string][]} */
const wandering = [
  ['turtle', 'orbit', 'white'],
  ['cat', 'zigzag', 'blue'],
];

/** A real film beside the rendered clips: cuts, texture, and frames that are neither square nor small. */
const film = [
  { name: 'rabbit-wakes', from: 0.2, caption: 'a big grey rabbit climbs out of its burrow in a meadow' },
  { name: 'rabbit-yawns', from: 2.2, caption: 'a big grey rabbit stretches its arms and yawns in a meadow' },
];
const filmSeconds = 1.6;

const clipSide = 128;
const clipFrames = 16;
const clipFps = 8;

const { values } = parseArgs({ options: { sprites: { type: 'string' }, bunny: { type: 'string' } } });
if (!values.sprites || !values.bunny) {
  process.stderr.write('Usage: node examples/media/make.mjs --sprites DIR --bunny FILE   (see examples/media/NOTICE.md)\n');
  process.exit(2);
}
const entities = new Map((await readEntities()).map((entity) => [entity.name, entity]));
for (const part of ['images', 'clips']) {
  await rm(join(outFolder, part), { recursive: true, force: true });
  await mkdir(join(outFolder, part), { recursive: true });
}

const events = [];
for (const name of images.split(',').map((part) => part.trim()))
  events.push(await addStill(values.sprites, known(name), join(outFolder, 'images')));
events.push(await addBackground({ phrase: background }, join(outFolder, 'images')));

for (const [name, motion, colour] of moving) {
  const actor = { phrase: known(name).phrase, motion, place: /** @type {const} */ ('whole') };
  await addRendered(name, colour, actor, poses(actor, clipFrames, seeded('media', name, motion)));
}

for (const [name, motion, colour] of wandering) {
  const { verb, form } = movement('media', motion);
  const actor = { phrase: known(name).phrase, motion, verb, place: /** @type {const} */ ('whole') };
  await addRendered(name, colour, actor, alongForm(seeded('media', name, motion), clipFrames, form));
}

for (const { name, from, caption } of film) {
  const file = join(outFolder, 'clips', `${name}.mp4`);
  const cut = ['-ss', `${from}`, '-t', `${filmSeconds}`, '-i', values.bunny, '-an', '-vf', 'scale=160:90'];
  const h264 = ['-c:v', 'libx264', '-crf', '26', '-pix_fmt', 'yuv420p', '-threads', '1', '-movflags', '+faststart'];
  const exact = ['-fflags', '+bitexact', '-flags:v', '+bitexact', '-map_metadata', '-1'];
  execFileSync(ffmpeg, ['-nostdin', '-loglevel', 'error', '-y', ...cut, ...h264, ...exact, file]);
  // One source: two cuts of one shot are no examples for each other.
  await addClip(file, caption, 'film:big-buck-bunny', 'CC-BY-3.0');
}

await writeFile(join(outFolder, 'media.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
const files = (await Promise.all(['images', 'clips'].map((part) => readdir(join(outFolder, part))))).flat();
console.log(`${files.length / 2} media and their captions in ${outFolder}`);

/** @param {string} name */
function known(name) {
  const entity = entities.get(name);
  if (!entity) throw new Error(`no such subject in entities.jsonl: ${name}`);
  return entity;
}

/**
 * @param {string} name
 * @param {string} colour
 * @param {import('../world/scene.mjs').Actor} actor
 * @param {import('../world/motions.mjs').Pose[]} at
 */
async function addRendered(name, colour, actor, at) {
  const subject = known(name);
  if (isHeldOut(subject.code)) throw new Error(`${name} must not be seen in motion`);
  const sprite = await readSprite(join(values.sprites ?? '', 'img/google/64', `${subject.code}.png`));
  const file = join(outFolder, 'clips', `${fileName(`${name} ${actor.motion} ${colour}`)}.mp4`);
  await writeMp4(file, render([{ sprite, at }], plain(colour, clipSide), clipSide), { side: clipSide, fps: clipFps, crf: 18 });
  await addClip(file, captionOf({ actors: [actor], background: { colour } }), `media:${fileName(name)}:${actor.motion}`, emojiLicence);
}

/** @param {string} file @param {string} caption @param {string} source @param {string} licence */
async function addClip(file, caption, source, licence) {
  await writeFile(file.replace(/mp4$/, 'txt'), `${caption}\n`);
  events.push({ uri: file, caption, source, licence });
}
