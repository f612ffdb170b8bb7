import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage, frameAsWebp, imageAsWebp, imageFormat } from '../../src/media/images.js';
import { thrownBy } from '../operators/run-operator.js';
import { discPng, hollowPng, testFolder } from './make-media.js';

const folder = await testFolder();
const plain = (background: string) => sharp({ create: { width: 6, height: 4, channels: 3, background } });

describe('images', () => {
  it.each([
    ['grey PNG', () => plain('#808080').toColourspace('b-w').png().toBuffer(), [128, 128, 128]],
    ['16-bit PNG', () => plain('#ff8000').toColourspace('rgb16').png().toBuffer(), [255, 128, 0]],
    ['palette PNG', () => plain('#ff8000').png({ palette: true }).toBuffer(), [255, 128, 0]],
    ['grey JPEG', () => plain('#808080').toColourspace('b-w').jpeg({ quality: 100 }).toBuffer(), [128, 128, 128]],
    ['WebP', () => plain('#ff8000').webp({ lossless: true }).toBuffer(), [255, 128, 0]],
    ['GIF', () => plain('#ff8000').gif().toBuffer(), [255, 128, 0]],
  ])('a %s decodes to three channels of its colour, kept or not', async (name, make, colour) => {
    const bytes = await make();
    const decoded = await decodeImage(bytes, name);
    expect([decoded.width, decoded.height, decoded.data.length]).toEqual([6, 4, 72]);
    for (let c = 0; c < 3; c++) expect(Math.abs(decoded.data[c]! - colour[c]!)).toBeLessThanOrEqual(1);
    const path = join(folder, 'image');
    await writeFile(path, bytes);
    expect(await imageFormat(path)).toBeTruthy();
    const kept = await decodeImage(await imageAsWebp(path, 512), name);
    for (let c = 0; c < 3; c++) expect(Math.abs(kept.data[c]! - colour[c]!)).toBeLessThanOrEqual(1);
  });

  it('a CMYK JPEG becomes RGB', async () => {
    const decoded = await decodeImage(await plain('#ff0000').toColourspace('cmyk').jpeg().toBuffer(), 'cmyk');
    expect(decoded.data.length).toBe(72);
    expect(decoded.data[0]).toBeGreaterThan(180);
    expect(decoded.data[2]).toBeLessThan(90);
  });

  it('transparent pixels lie on white', async () => {
    const { data, width } = await decodeImage(await discPng(32), 'disc');
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
    const middle = (16 * width + 16) * 3;
    expect([...data.subarray(middle, middle + 3)]).toEqual([0xc0, 0x20, 0x20]);
  });

  it('frames are stored without loss', async () => {
    const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, n) => (n * 37) % 256);
    const decoded = await decodeImage(await frameAsWebp({ width: 5, height: 3, data }), 'frame');
    expect([...decoded.data]).toEqual([...data]);
  });

  it('broken at the same time as others are each told of with what is wrong with them', async () => {
    const half = async (name: string, bytes: Promise<Buffer>): Promise<[string, string]> => {
      const path = join(folder, `half.${name}`);
      await writeFile(path, (await bytes).subarray(0, (await bytes).length * 0.6));
      return [name, path];
    };
    const noise = sharp({ create: { width: 300, height: 300, channels: 3, noise: { type: 'gaussian' } } } as object);
    const files = await Promise.all([
      half('jpeg', noise.clone().jpeg().toBuffer()),
      half('png', noise.png().toBuffer()),
    ]);
    const many = Array.from({ length: 20 }, () => files).flat();
    const found = await Promise.all(
      many.map(async ([name, path]) => [name, (await thrownBy(() => imageAsWebp(path, 512))).found!] as const),
    );
    for (const [name, what] of found) expect(what.toLowerCase()).toContain(name);
  });

  it('too many pixels and broken bytes are told apart', async () => {
    expect((await thrownBy(() => decodeImage(hollowPng(30_000, 30_000), 'bomb'))).code).toBe('MEDIA_TOO_LARGE');
    expect((await thrownBy(() => decodeImage(Buffer.from('no image'), 'text'))).code).toBe('MEDIA_DAMAGED');
    expect((await thrownBy(async () => decodeImage((await discPng(64)).subarray(0, 300), 'half'))).code).toBe(
      'MEDIA_DAMAGED',
    );
  });
});
