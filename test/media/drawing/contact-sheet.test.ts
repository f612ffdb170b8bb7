import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { compiled } from '../../../src/core/compiled.js';
import { contactSheet } from '../../../src/media/drawing/contact-sheet.js';
import type { RgbImage } from '../../../src/models/ports.js';

const dir = mkdtempSync(join(tmpdir(), 'vimi-sheet-'));
afterAll(() => rmSync(dir, { recursive: true }));

const flat = (r: number, g: number, b: number): RgbImage => ({
  width: 8,
  height: 8,
  data: Uint8Array.from({ length: 192 }, (_, i) => [r, g, b][i % 3]!),
});
const read = async (file: string) => {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  /** Pixels of the label's column in a row that are not paper. */
  const ink = (row: number) => {
    let n = 0;
    for (let y = 16 + row * 100; y < 112 + row * 100; y++) for (let x = 16; x < 208; x++) if (at(x, y)[0]! < 200) n++;
    return n;
  };
  return { ...info, at, ink };
};

describe('contactSheet', () => {
  it('lays out labels and images of both kinds, and says how large it became', async () => {
    const file = join(dir, 'two.png');
    const fox = readFileSync('examples/media/images/fox.png');
    const size = await contactSheet(
      [
        { label: 'three flat frames', images: [flat(255, 0, 0), flat(0, 255, 0), flat(0, 0, 255)] },
        { label: 'a fox', images: [fox] },
      ],
      file,
    );
    const sheet = await read(file);
    expect(size).toEqual({ width: sheet.width, height: sheet.height });
    expect(size).toEqual({ width: 16 + 208 + 3 * 96 + 2 * 4 + 16, height: 16 + 96 + 4 + 96 + 16 });
    const centres = [0, 1, 2].map((c) => sheet.at(16 + 208 + c * 100 + 48, 16 + 48));
    expect(centres).toEqual([
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ]);
    // Transparent pixels of the fox are paper; the rest of its row is empty.
    expect(sheet.at(16 + 208 + 1, 16 + 100 + 1)).toEqual([255, 255, 255]);
    expect(sheet.at(16 + 208 + 100 + 48, 16 + 100 + 48)).toEqual([255, 255, 255]);
    expect(sheet.ink(0)).toBeGreaterThan(200);
    expect(sheet.ink(1)).toBeGreaterThan(50);
  });

  it('keeps the pixels of small images as they are', async () => {
    const file = join(dir, 'sharp.png');
    const board = { width: 2, height: 2, data: Uint8Array.from([0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0]) };
    await contactSheet([{ label: '', images: [board] }], file);
    const { at } = await read(file);
    expect(at(224 + 47, 16 + 47)).toEqual([0, 0, 0]);
    expect(at(224 + 48, 16 + 47)).toEqual([255, 255, 255]);
  });

  it('shows wide images whole', async () => {
    const file = join(dir, 'wide.png');
    await contactSheet([{ label: 'wide', images: [{ width: 16, height: 8, data: new Uint8Array(384) }] }], file);
    const { at } = await read(file);
    expect(at(224 + 1, 16 + 48)).toEqual([0, 0, 0]);
    expect(at(224 + 48, 16 + 10)).not.toEqual([0, 0, 0]);
  });

  it('takes labels as text, whatever is in them', async () => {
    const file = join(dir, 'hostile.png');
    const labels = [
      '<b>bold</b> & <i',
      '</span><span size="99999">x',
      '\u0000\u0007\ud800',
      '',
      '日本語',
      'word '.repeat(500),
    ];
    await contactSheet(
      labels.map((label) => ({ label, images: [flat(9, 9, 9)] })),
      file,
    );
    const { ink, at } = await read(file);
    expect(labels.map((_, row) => ink(row) > 0)).toEqual([true, true, false, false, true, true]);
    // No label, however long, reaches into the images.
    for (let row = 0; row < labels.length; row++) expect(at(224 + 2, 16 + row * 100 + 48)).toEqual([9, 9, 9]);
  });

  it('writes labels on a machine without fonts', () => {
    const file = join(dir, 'fontless.png');
    const config = join(dir, 'fonts.conf');
    writeFileSync(config, '<?xml version="1.0"?><fontconfig></fontconfig>');
    const module = compiled(
      new URL('../../../src/media/drawing/contact-sheet.ts', import.meta.url).href,
      './contact-sheet.js',
    );
    const script = `const { contactSheet } = await import(process.argv[1]);
      for (const label of ['iiiiiiii', 'WWWWWWWW']) await contactSheet([{ label, images: [] }], process.argv[2] + label + '.png');`;
    const args = ['--input-type=module', '-e', script, module, file];
    const { status, stderr } = spawnSync(process.execPath, args, { env: { ...process.env, FONTCONFIG_FILE: config } });
    expect(status, String(stderr)).toBe(0);
    return Promise.all(['iiiiiiii', 'WWWWWWWW'].map((label) => read(`${file}${label}.png`))).then(([narrow, wide]) => {
      // The boxes that stand for missing letters would be as many and as large for either.
      expect(narrow!.ink(0)).toBeGreaterThan(30);
      expect(wide!.ink(0)).toBeGreaterThan(2 * narrow!.ink(0));
    });
  });

  it('names the image that is wrong', async () => {
    const file = join(dir, 'never.png');
    await expect(contactSheet([], file)).rejects.toMatchObject({ code: 'MEDIA_EMPTY' });
    const torn = { width: 8, height: 8, data: new Uint8Array(5) };
    await expect(contactSheet([{ label: '', images: [torn] }], file)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      where: 'row 0, image 0',
    });
    await expect(
      contactSheet([{ label: '', images: [flat(0, 0, 0), Buffer.from('no image')] }], file),
    ).rejects.toMatchObject({ code: 'MEDIA_DAMAGED', where: 'row 0, image 1' });
  });
});
