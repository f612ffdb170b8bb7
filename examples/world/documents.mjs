#!/usr/bin/env node
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { emojiLicence, emojiPackage, fileName, readEntities } from './subjects.mjs';

/*
 * Every image of the art that is no subject of the world, with its name: people, faces, flags, signs, and all in each
 * skin tone. A retriever that must find a fox should have something to get wrong.
 */

const usage = `Usage: node examples/world/documents.mjs --sprites DIR --out DIR
  --sprites DIR  the unpacked npm package ${emojiPackage}
  --out DIR      where stills and their media.jsonl go
`;

const tones = new Map(
  Object.entries({
    '1F3FB': 'light',
    '1F3FC': 'medium-light',
    '1F3FD': 'medium',
    '1F3FE': 'medium-dark',
    '1F3FF': 'dark',
  }),
);

const { values } = parseArgs({ options: { sprites: { type: 'string' }, out: { type: 'string' } } });
if (!values.sprites || !values.out) {
  process.stderr.write(usage);
  process.exit(2);
}
const { sprites, out } = values;
const subjects = new Set((await readEntities()).map(({ code }) => code));
await mkdir(join(out, 'stills'), { recursive: true });
const events = [];
for (const emoji of JSON.parse(await readFile(join(sprites, 'emoji.json'), 'utf8'))) {
  const name = String(emoji.name ?? emoji.short_name).toLowerCase();
  const variants = Object.entries(emoji.skin_variations ?? {}).map(([tone, variant]) => {
    const said = tone.split('-').map((code) => tones.get(code) ?? code);
    return { ...variant, name: `${name}: ${said.join(' and ')} skin tone` };
  });
  for (const { image, has_img_google: drawn, name: caption } of [{ ...emoji, name }, ...variants]) {
    const code = image.replace('.png', '');
    if (!drawn || subjects.has(code)) continue;
    const file = join(out, 'stills', `${fileName(`${caption} ${code}`)}.png`);
    await copyFile(join(sprites, 'img/google/64', image), file);
    await writeFile(file.replace(/png$/, 'txt'), `${caption}\n`);
    events.push({ uri: file, caption, source: `noto:${code}`, licence: emojiLicence });
  }
}
await writeFile(join(out, 'media.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
process.stderr.write(`${events.length} documents in ${out}\n`);
