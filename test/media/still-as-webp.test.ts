import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { imageAsWebp } from '../../src/media/images.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { promptImage } from '../../src/media/prompt-image.js';
import { thrownBy } from '../operators/run-operator.js';
import { farthest, keptQuarters, quartered, quarters, quartersOf, tiff, withSamsungScan } from './make-images.js';
import { hollowPng, never, testFolder } from './make-media.js';

const folder = await testFolder();
const put = async (bytes: Buffer, name = 'image') => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};
const textured = (() => {
  const data = Buffer.alloc(320 * 240 * 3);
  for (let i = 0; i < data.length; i++) data[i] = 128 + 100 * Math.sin(i / 97) * Math.cos(i / 5003);
  return sharp(data, { raw: { width: 320, height: 240, channels: 3 } });
})();
const limits = { longest: 512, maxPixels: 1e8, where: 'a test' };
/** A file and an image of a prompt go the same way. */
const bothRefuse = async (bytes: Buffer, name: string) => {
  const path = await put(bytes);
  expect((await thrownBy(() => imageAsWebp(path, 512))).code, name).toBe('MEDIA_DAMAGED');
  expect((await thrownBy(() => promptImage(bytes, limits))).code, name).toBe('MEDIA_DAMAGED');
};
const bothShow = async (bytes: Buffer, name: string, near: number) => {
  expect(farthest(await keptQuarters(await put(bytes))), name).toBeLessThanOrEqual(near);
  expect(farthest(await quartersOf(await promptImage(bytes, limits))), name).toBeLessThanOrEqual(near);
};

describe('colours', () => {
  it.each([
    ['PNG', () => quartered().toColourspace('rgb16').withIccProfile('p3').png()],
    ['PNG with alpha', () => quartered().ensureAlpha(1).toColourspace('rgb16').withIccProfile('p3').png()],
    ['PNG without a profile', () => quartered().toColourspace('rgb16').png()],
  ])('[media F20] a %s of 16 bits', async (name, make) => {
    await bothShow(await make().toBuffer(), name, 2);
  });

  it('[media F20] a TIFF of 16 bits with a profile', async () => {
    const path = await put(
      await quartered().toColourspace('rgb16').withIccProfile('p3').tiff({ compression: 'lzw' }).toBuffer(),
    );
    expect(farthest(await keptQuarters(path))).toBeLessThanOrEqual(2);
  });

  it.each(['png', 'jpeg', 'webp'] as const)('[kind 7] a %s of 8 bits with a profile', async (format) => {
    const options = { quality: 100, lossless: true, chromaSubsampling: '4:4:4' };
    await bothShow(await quartered().withIccProfile('p3').toFormat(format, options).toBuffer(), format, 4);
  });

  it('[kind 7] a CMYK JPEG as Adobe writes it is not inverted', async () => {
    const found = await keptQuarters(
      await put(await quartered().toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()),
    );
    for (const [n, colour] of found.entries()) {
      const brightest = (all: readonly number[]) => all.indexOf(Math.max(...all));
      expect(brightest(colour)).toBe(brightest(quarters[n]!));
    }
  });

  it('[kind 7] grey with alpha, in 8 and in 16 bits', async () => {
    for (const space of ['b-w', 'grey16']) {
      const made = await quartered().toColourspace(space).ensureAlpha(0.5).png().toBuffer();
      const grey = [112, 155, 71, 199].map((value) => Array(3).fill(Math.round((value + 255) / 2)));
      expect(farthest(await keptQuarters(await put(made)), grey), space).toBeLessThanOrEqual(3);
    }
  });
});

describe('upright', () => {
  // Which quarter of the stored image is seen where: top left, top right, bottom left, bottom right.
  const seen = [
    [0, 1, 2, 3],
    [1, 0, 3, 2],
    [3, 2, 1, 0],
    [2, 3, 0, 1],
    [0, 2, 1, 3],
    [2, 0, 3, 1],
    [3, 1, 2, 0],
    [1, 3, 0, 2],
  ];
  it.each(['jpeg', 'png', 'webp', 'tiff'] as const)(
    '[kind 7] a %s in each of the eight orientations',
    async (format) => {
      for (const [n, order] of seen.entries()) {
        const orientation = n + 1;
        const options = { quality: 100, lossless: true, chromaSubsampling: '4:4:4' };
        const path = await put(await quartered().withMetadata({ orientation }).toFormat(format, options).toBuffer());
        const wanted = order.map((quarter) => quarters[quarter]!);
        expect(farthest(await keptQuarters(path), wanted), `${orientation}`).toBeLessThanOrEqual(6);
        const { width, height } = await probeMedia(path, { maxPixels: 1e6, signal: never });
        expect([width, height], `${orientation}`).toEqual(orientation < 5 ? [64, 48] : [48, 64]);
      }
    },
  );
});

describe('a JPEG that every viewer shows whole', async () => {
  const jpeg = await quartered().jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer();
  const progressive = await quartered().jpeg({ quality: 95, progressive: true, chromaSubsampling: '4:4:4' }).toBuffer();
  const junk = Buffer.from('SEFT and what else a phone appends');
  const stray = Buffer.concat([jpeg.subarray(0, 20), Buffer.from([0, 0, 0]), jpeg.subarray(20)]);

  it('[media F8] with the scan header of Samsung', () => bothShow(withSamsungScan(jpeg), 'samsung', 4));
  it('[media F9] with stray bytes between its segments', () => bothShow(stray, 'stray', 4));
  it('[media F9] with something appended', () => bothShow(Buffer.concat([jpeg, junk]), 'appended', 4));
  it('[media F9] with zeros appended', () => bothShow(Buffer.concat([jpeg, Buffer.alloc(5000)]), 'zeros', 4));
  it('[kind 7] without an end marker', async () => {
    await bothShow(jpeg.subarray(0, -2), 'no end', 4);
    await bothShow(progressive.subarray(0, -2), 'progressive, no end', 4);
    await bothShow(Buffer.concat([jpeg.subarray(0, -2), Buffer.alloc(4096)]), 'zeros for an end', 4);
  });
  it('[media F9] with a thumbnail that has an end of its own, but none itself', async () => {
    const exif = Buffer.concat([Buffer.from('Exif\0\0'), jpeg]);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(exif.length + 2);
    const held = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1]), size, exif, jpeg.subarray(2)]);
    await bothShow(held.subarray(0, -2), 'thumbnail', 4);
    await bothRefuse(held.subarray(0, -jpeg.length / 2), 'thumbnail, half');
  });
});

describe('an image that is not whole', async () => {
  const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
  const end = Buffer.from([0xff, 0xd9]);
  const jpeg = await textured.clone().jpeg({ quality: 90 }).toBuffer();
  const progressive = await textured.clone().jpeg({ quality: 90, progressive: true }).toBuffer();
  const zeroed = (bytes: Buffer) => Buffer.concat([half(bytes), Buffer.alloc(bytes.length - half(bytes).length)]);

  it.each([
    ['half a JPEG', half(jpeg)],
    ['half a JPEG that was closed', Buffer.concat([half(jpeg), end])],
    ['a JPEG that is zeros from its middle on', zeroed(jpeg)],
    ['nine tenths of a JPEG', jpeg.subarray(0, Math.floor(jpeg.length * 0.9))],
    ['half a progressive JPEG', half(progressive)],
    ['half a progressive JPEG that was closed', Buffer.concat([half(progressive), end])],
    ['a progressive JPEG that is zeros from its middle on', zeroed(progressive)],
    ['half a PNG', half(await textured.clone().png().toBuffer())],
    ['half an interlaced PNG', half(await textured.clone().png({ progressive: true }).toBuffer())],
    ['half a WebP', half(await textured.clone().webp().toBuffer())],
  ])('[media F9] %s is refused', (name, bytes) => bothRefuse(bytes, name));

  it('[media F9] half a TIFF, a GIF and an AVIF are refused', async () => {
    for (const format of ['tiff', 'gif', 'avif'] as const) {
      const path = await put(half(await textured.clone().toFormat(format).toBuffer()));
      expect((await thrownBy(() => imageAsWebp(path, 512))).code, format).toBe('MEDIA_DAMAGED');
    }
  });
});

describe('a TIFF', async () => {
  const pixels = await quartered().raw().toBuffer();
  const wide = (bytes: number) => Buffer.alloc(64 * 48 * 3 * bytes, 1);
  const probed = async (bytes: Buffer) => probeMedia(await put(bytes), { maxPixels: 1e6, signal: never });

  it('[media F32] of the big kind, and in either order of bytes, is read', async () => {
    for (const littleEndian of [true, false])
      for (const big of [false, true]) {
        const path = await put(tiff({ big, littleEndian, pixels }));
        expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({ codec: 'tiff', width: 64 });
        expect(farthest(await keptQuarters(path))).toBe(0);
      }
  });

  it('that says that its directory is larger than any file is read up to a bound', async () => {
    const endless = Buffer.alloc(200);
    endless.write('II+\0\x08', 'latin1');
    endless.writeBigUInt64LE(16n, 8);
    endless.writeBigUInt64LE(2n ** 50n, 16);
    expect((await thrownBy(() => probed(endless))).code).toBe('MEDIA_DAMAGED');
    const wide = Buffer.from(endless);
    wide.writeBigUInt64LE(1n, 16);
    // Bits per sample: 2^50 of them, each of two bytes.
    wide.writeUInt16LE(258, 24);
    wide.writeUInt16LE(3, 26);
    wide.writeBigUInt64LE(2n ** 50n, 28);
    wide.writeBigUInt64LE(190n, 36);
    expect((await thrownBy(() => probed(wide))).code).toBe('MEDIA_DAMAGED');
  });

  it.each([
    ['floating point', { pixels: wide(4), tags: { 258: [32, 32, 32], 339: [3, 3, 3] } }, 'floating point'],
    ['double precision', { pixels: wide(8), tags: { 258: [64, 64, 64], 339: [3, 3, 3] } }, 'floating point'],
    ['signed', { pixels: wide(2), tags: { 258: [16, 16, 16], 339: [2, 2, 2] } }, 'signed'],
    ['32 bits', { pixels: wide(4), tags: { 258: [32, 32, 32] } }, '32 bits'],
    ['five channels', { pixels: wide(2), tags: { 258: [8, 8, 8, 8, 8], 277: 5, 338: [0, 0] } }, '5 channels'],
    ['an unknown compression', { pixels, tags: { 259: 50_000 } }, 'compression 50000'],
    ['CIELAB', { pixels, tags: { 262: 8 } }, 'colours of kind 8'],
    ['YCbCr without JPEG', { pixels, tags: { 262: 6 } }, 'colours of kind 6'],
    ['a camera, as DNG', { pixels, tags: { 50706: 66_000 } }, 'raw data of a camera'],
    ['a camera, behind a thumbnail', { pixels, tags: { 254: 1, 330: 8 } }, 'raw data of a camera'],
  ])('[kind 7] of %s is refused rather than shown wrong', async (_, recipe, found) => {
    for (const big of [false, true]) {
      const error = await thrownBy(() => probed(tiff({ ...recipe, big })));
      expect([error.code, error.found]).toEqual(['MEDIA_UNSUPPORTED', expect.stringContaining(found)]);
    }
  });
});

describe('memory', () => {
  it('[safety S12] a small file that takes too much memory is refused by its header', async () => {
    const bomb = hollowPng(30_000, 30_000);
    const path = await put(bomb);
    const error = await thrownBy(() => imageAsWebp(path, 512));
    expect([error.code, error.expected]).toEqual(['MEDIA_TOO_LARGE', expect.stringContaining('MiB')]);
    const asked = await thrownBy(() => promptImage(bomb, { ...limits, maxPixels: 1e10 }));
    expect(asked.code).toBe('MEDIA_TOO_LARGE');
  });

  it('[kind 7] a photograph of 48 megapixels is taken by default', async () => {
    const photograph = await sharp({ create: { width: 8064, height: 6048, channels: 3, background: '#806040' } })
      .jpeg({ quality: 30 })
      .toBuffer();
    const found = await sharp(await promptImage(photograph, limits)).metadata();
    expect([found.width, found.height]).toEqual([512, 384]);
  });
});
