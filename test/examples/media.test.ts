import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { mediaAdded } from '../../src/events/schemas.js';

const folder = 'examples/media';
const events = readFileSync(`${folder}/media.jsonl`, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => mediaAdded.parse(JSON.parse(line)));
const files = ['images', 'clips'].flatMap((part) =>
  readdirSync(`${folder}/${part}`).map((f) => `${folder}/${part}/${f}`),
);
const heldOut: { code: string; name: string }[] = JSON.parse(readFileSync('examples/world/held-out.json', 'utf8'));

describe('examples/media', () => {
  it('has as many as its README and that of the project say', () => {
    const told = readFileSync(`${folder}/README.md`, 'utf8');
    const [images, clips] = ['.png', '.mp4'].map((end) => events.filter(({ uri }) => uri.endsWith(end)));
    const unseen = images!.filter(({ source }) => heldOut.some(({ code }) => source === `noto:${code}`));
    expect(told).toContain(`${images!.length} captioned images and ${clips!.length} captioned clips`);
    expect(told).toContain(`${unseen.length} of the images show subjects that the training world holds out`);
    expect(readFileSync('README.md', 'utf8')).toContain(`${events.length} images and clips`);
  });

  it('lists every medium once, with the caption that lies beside it, a source and a licence', () => {
    expect(events.map(({ uri }) => uri).sort()).toEqual(files.filter((f) => !f.endsWith('.txt')).sort());
    for (const { uri, caption, source, licence } of events) {
      expect(readFileSync(uri.replace(/\.\w+$/, '.txt'), 'utf8'), uri).toBe(`${caption}\n`);
      expect(source, uri).toBeTruthy();
      expect(['Apache-2.0', 'CC-BY-3.0'], uri).toContain(licence);
    }
  });

  it('has captions that tell the images apart', () => {
    const captions = events.map(({ caption }) => caption);
    expect(new Set(captions).size).toBe(captions.length);
  });

  it('puts the images before the clips, so that the clips find them', () => {
    const kinds = events.map(({ uri }) => (uri.endsWith('.png') ? 'image' : 'clip'));
    expect(kinds.lastIndexOf('image')).toBeLessThan(kinds.indexOf('clip'));
    expect(kinds.filter((kind) => kind === 'clip').length).toBeGreaterThanOrEqual(12);
  });

  it('is small enough to ship', () => {
    expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(3e6);
  });

  it('has images that decode', async () => {
    for (const { uri, source } of events.filter((event) => event.uri.endsWith('.png'))) {
      const { width, height, channels } = await sharp(uri).metadata();
      const isBackground = source?.startsWith('ground:');
      expect({ width, height, channels }, uri).toEqual({ width: 64, height: 64, channels: isBackground ? 3 : 4 });
    }
  });

  it('shows the demo subject, and every other held-out one, in images only', () => {
    const codes = new Set(heldOut.map(({ code }) => code));
    const entities: { code: string; phrase: string }[] = readFileSync('examples/world/entities.jsonl', 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    // As captions name them: a lightning bolt is `high voltage` in the list.
    const phrases = entities.filter(({ code }) => codes.has(code)).map(({ phrase }) => phrase);
    const words = new Set([...heldOut.map(({ name }) => name.toLowerCase()), ...phrases]);
    expect(words).toContain('mushroom');
    expect(words).toContain('a lightning bolt');
    expect(existsSync(`${folder}/images/mushroom.png`)).toBe(true);
    const clips = events.filter(({ uri }) => uri.endsWith('.mp4'));
    for (const word of words)
      expect(
        clips.filter(({ caption }) => ` ${caption} `.includes(` ${word} `)),
        word,
      ).toEqual([]);
  });
});
