import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { alone, inFront, together } from './cast.mjs';
import { isGroundHeldOut, readGround, readGrounds } from './grounds.mjs';
import { seeded, shuffled } from './random.mjs';
import { captionOf } from './scene.mjs';
import { readSprite } from './sprite.mjs';
import { isHeldOut, readEntities } from './subjects.mjs';
const sprites = '.cache/package';
const FRAMES = 16, SIDE = 64;
const entities = (await readEntities()).filter(({ code }) => !isHeldOut(code));
const grounds = (await readGrounds()).filter((g) => !isGroundHeldOut(g));
const spriteOf = ({ code }) => readSprite(join(sprites, 'img/google/64', `${code}.png`));
const pixelsOf = (g) => readGround(sprites, g, SIDE);
const out = [];
for (const [seed, clips, two, pictures] of [['1', 4000, .2, .2], ['2', 1400, .8, .2], ['3', 700, 0, 1]]) {
  const subjects = shuffled(seeded(seed, 'training'), entities);
  for (let n = 0; n < clips; n++) {
    const entity = subjects[n % subjects.length];
    const stage = { random: seeded(seed, 'training', n), frames: FRAMES, side: SIDE, spriteOf, pixelsOf };
    const u = stage.random();
    let take;
    if (u < pictures) take = await inFront(stage, entity, grounds);
    else if (u >= pictures + two) take = await alone(stage, entity);
    else while (!take) take = await together(stage, entity, subjects);
    out.push(captionOf(take));
  }
  console.log(seed, out.length, out.at(-1));
}
await writeFile('/work/tmp/model/captions.txt', out.join('\n'));
