#!/usr/bin/env node
/*
 * Makes entities.jsonl (who lives in the world) and held-out.json (who is never seen in motion) from two npm packages:
 *
 *   node examples/world/entities.mjs --sprites EMOJI_DATASOURCE_GOOGLE --names EMOJIBASE_DATA
 *
 * Both files are committed; this is how to make them again.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { article } from './article.mjs';
import { isHeldOutCode } from './held-out.mjs';

/** @type {Record<string, string>} */
const groups = {
  'Animals & Nature': 'animals',
  'Food & Drink': 'food',
  Objects: 'objects',
  Activities: 'objects',
  'Travel & Places': 'travel',
};

/** Signs rather than things, and the 24 clock faces that nobody tells apart at 16 pixels. */
const leftOut =
  /^(?:\w+ o'clock|\w+-thirty|\w+ suit|globe with meridians|bell with slash|muted speaker|speaker \w+ volume|musical notes?)$/;

/** What the rule "a or an, then the name" gets wrong: plurals, substances, and the ones there is only one of. */
const phrases = Object.fromEntries(
  `paw prints: a pair of paw prints | grapes: a bunch of grapes | cherries: a pair of cherries
  blueberries: a bunch of blueberries | cooked rice: a bowl of rice | curry rice: a plate of curry rice
  spaghetti: a plate of spaghetti | oden: a stick of oden | sushi: a piece of sushi | dango: a stick of dango
  bread: a loaf of bread | french fries: a box of french fries | cooking: an egg in a pan | popcorn: a box of popcorn
  bacon: a strip of bacon | pancakes: a stack of pancakes | canned food: a can of food | salt: a salt shaker
  butter: a stick of butter | shaved ice: a bowl of shaved ice | candy: a piece of candy | peanuts: a pair of peanuts
  garlic: a bulb of garlic | beans: a handful of beans | broccoli: a head of broccoli
  meat on bone: a piece of meat on a bone | pizza: a slice of pizza | chopsticks: a pair of chopsticks
  sake: a bottle of sake | clinking beer mugs: a pair of clinking beer mugs | clinking glasses: a pair of clinking glasses
  mate: a cup of mate | ice: a block of ice | bubble tea: a cup of bubble tea | pouring liquid: a glass of pouring liquid
  green salad: a bowl of green salad | fireworks: a burst of fireworks
  Japanese dolls: a pair of Japanese dolls | admission tickets: a pair of admission tickets | sparkles: a group of sparkles
  performing arts: a pair of theatre masks | thread: a spool of thread | yarn: a ball of yarn
  bookmark tabs: a page with bookmark tabs | books: a stack of books | glasses: a pair of glasses | jeans: a pair of jeans
  sunglasses: a pair of sunglasses | goggles: a pair of goggles | gloves: a pair of gloves | socks: a pair of socks
  briefs: a pair of briefs | shorts: a pair of shorts | ballet shoes: a pair of ballet shoes
  scissors: a pair of scissors | woman's clothes: a woman's blouse | prayer beads: a string of prayer beads
  shopping bags: a pair of shopping bags | soap: a bar of soap | bubbles: a group of bubbles | film frames: a strip of film
  dna: a strand of dna | money with wings: a wad of money with wings | maracas: a pair of maracas
  control knobs: a set of control knobs | linked paperclips: a pair of linked paperclips
  card index dividers: a set of card index dividers | crossed swords: a pair of crossed swords
  chains: a pair of chains | skis: a pair of skis | bowling: a bowling ball | tennis: a tennis racket
  cricket game: a cricket bat | field hockey: a field hockey stick | ice hockey: an ice hockey stick
  lacrosse: a lacrosse stick | ping pong: a ping pong paddle | badminton: a badminton racket
  flower playing cards: a flower playing card | nesting dolls: a set of nesting dolls | locked: a closed lock
  unlocked: an open lock | locked with pen: a lock with a pen | locked with key: a lock with a key
  building construction: a building site | houses: a group of houses | wood: a pile of wood | camping: a camp site
  foggy: a foggy city | hot springs: a hot spring | fog: a cloud of fog | high voltage: a lightning bolt
  metro: a metro train | light rail: a light rail train | construction: a construction barrier
  hourglass done: an hourglass | hourglass not done: an hourglass with flowing sand
  airplane departure: a departing airplane | airplane arrival: an arriving airplane | wedding: a wedding chapel
  Statue of Liberty: the Statue of Liberty | mount fuji: mount fuji | Tokyo tower: the Tokyo tower | kaaba: the kaaba
  milky way: the milky way | sun: the sun | sun with face: the sun with a face | sun behind cloud: the sun behind a cloud
  sun behind small cloud: the sun behind a small cloud | sun behind large cloud: the sun behind a large cloud
  sun behind rain cloud: the sun behind a rain cloud | fork and knife with plate: a fork and knife with a plate | chart increasing: a rising chart
  chart decreasing: a falling chart | chart increasing with yen: a rising chart with a yen sign
  mobile phone with arrow: a mobile phone with an arrow | envelope with arrow: an envelope with an arrow
  house with garden: a house with a garden | camera with flash: a camera with a flash | cup with straw: a cup with a straw
  beach with umbrella: a beach with an umbrella | bowl with spoon: a bowl with a spoon
  first quarter moon face: a first quarter moon with a face | last quarter moon face: a last quarter moon with a face
  new moon face: a new moon with a face | full moon face: a full moon with a face | luggage: a suitcase
  herb: an herb | headphone: a pair of headphones | coral: a piece of coral`
    .split(/[|\n]/)
    .map((line) => line.split(':').map((part) => part.trim())),
);

const { values } = parseArgs({ options: { sprites: { type: 'string' }, names: { type: 'string' } } });
if (!values.sprites || !values.names) throw new Error('give --sprites and --names: the two unpacked packages');
const emoji = JSON.parse(await readFile(join(values.sprites, 'emoji.json'), 'utf8'));
const labels = new Map(
  JSON.parse(await readFile(join(values.names, 'en/data.json'), 'utf8')).map(
    (/** @type {{ hexcode: string, label: string }} */ { hexcode, label }) => [bare(hexcode), label],
  ),
);

const entities = [];
for (const { unified, category, image, has_img_google: drawn } of emoji) {
  const label = labels.get(bare(unified));
  const group = groups[category];
  if (!drawn || !group || !label) continue;
  const name = label.replaceAll('’', "'").replaceAll('ñ', 'n');
  if (leftOut.test(name)) continue;
  const phrase = phrases[name] ?? `${article(name)} ${name}`;
  entities.push({ code: image.replace('.png', ''), name, phrase, group });
}
entities.sort((a, b) => (a.code < b.code ? -1 : 1));

const held = entities.filter(({ code }) => isHeldOutCode(code)).map(({ code, name }) => ({ code, name }));
await write('entities.jsonl', entities.map((entity) => `${JSON.stringify(entity)}\n`).join(''));
await write('held-out.json', `${JSON.stringify(held, null, 2)}\n`);
console.log(`${entities.length} subjects, ${held.length} of them held out`);

/** A code without its variation selectors. @param {string} code */
function bare(code) {
  return code.toUpperCase().replaceAll('-FE0F', '');
}

/** @param {string} file @param {string} text */
function write(file, text) {
  return writeFile(new URL(file, import.meta.url), text);
}
