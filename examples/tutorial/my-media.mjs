/*
 * Draws the media of the tutorial: three things that no shipped model has seen, each as a still and as clips in which it moves. Stands
 * for a folder of your own.
 *
 *   node examples/tutorial/my-media.mjs my-media            3 stills and 60 clips, a quarter of a minute
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { colours } from '../world/colours.mjs';
import { motions } from '../world/motions.mjs';
import { writeMp4 } from '../world/mp4.mjs';
import { seeded } from '../world/random.mjs';
import { captionOf, plain, poses, render } from '../world/scene.mjs';
import { readSprite } from '../world/sprite.mjs';

const folder = process.argv[2] ?? 'my-media';
const side = 64;
const clipsOfEach = 20;

/** By the words of their captions; SVG, 64 by 64. */
const drawings = {
  'a striped kite':
    '<path d="M32 2 56 28 32 62 8 28Z" fill="#d81b60"/><path d="M20 15h24l6 7H14ZM12 33h40l-5 7H17Z" fill="#ffeb3b"/><path d="M32 2v60" stroke="#5d4037" stroke-width="2"/>',
  'a paper boat':
    '<path d="M4 40h56L48 58H16Z" fill="#ff7043"/><path d="M32 6 52 40H12Z" fill="#fafafa" stroke="#455a64" stroke-width="2"/><path d="M32 6v34" stroke="#455a64" stroke-width="2"/>',
  'a lighthouse':
    '<path d="M22 20h20l6 42H16Z" fill="#fafafa" stroke="#37474f" stroke-width="2"/><path d="M20 30h24l1.5 9H18.5ZM17.5 48h29l1 9H16.5Z" fill="#e53935"/><path d="M24 9h16v11H24Z" fill="#ffca28" stroke="#37474f" stroke-width="2"/><path d="M22 10 32 1l10 9Z" fill="#e53935"/>',
};

for (const kind of ['stills', 'clips']) mkdirSync(join(folder, kind), { recursive: true });
for (const [phrase, drawing] of Object.entries(drawings)) {
  const name = phrase.replace(/^a /, '').replaceAll(' ', '-');
  const still = join(folder, 'stills', `${name}.png`);
  await sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${drawing}</svg>`))
    .png()
    .toFile(still);
  writeFileSync(join(folder, 'stills', `${name}.txt`), `${phrase}\n`);
  const sprite = await readSprite(still);
  for (let n = 0; n < clipsOfEach; n++) {
    const random = seeded('tutorial', name, n);
    const motion = /** @type {string} */ (Object.keys(motions)[n % Object.keys(motions).length]);
    const colour = /** @type {string} */ (Object.keys(colours)[(n * 3) % Object.keys(colours).length]);
    const actor = { phrase, motion, place: /** @type {const} */ ('whole') };
    const clip = render([{ sprite, at: poses(actor, 16, random) }], plain(colour, side), side);
    const file = join(folder, 'clips', `${name}-${String(n).padStart(2, '0')}`);
    await writeMp4(`${file}.mp4`, clip, { side, fps: 16, crf: 16 });
    writeFileSync(`${file}.txt`, `${captionOf({ actors: [actor], background: { colour } })}\n`);
  }
}
