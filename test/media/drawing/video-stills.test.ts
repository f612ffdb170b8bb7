import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { mostTiles, videoStills } from '../../../src/media/drawing/video-stills.js';
import type { RgbVideo } from '../../../src/media/pixels.js';

/** Frame n is grey, 8 * n. */
function greys(frames: number, width: number, height: number): RgbVideo {
  const size = width * height * 3;
  const data = new Uint8Array(frames * size);
  for (let n = 0; n < frames; n++) data.fill(8 * n, n * size, (n + 1) * size);
  return { frames, width, height, data };
}

/** The grey at a place of a WebP, to the next frame. */
async function frameAt(image: Buffer, left: number, top: number): Promise<number> {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
  return Math.round(data[(top * info.width + left) * info.channels]! / 8);
}
const sizeOf = async (image: Buffer) => {
  const { format, width, height } = await sharp(image).metadata();
  return { format, width, height };
};

describe('stills of a video', () => {
  it('are its middle frame, and frames spread over it, row by row', async () => {
    const { thumbnail, spritesheet } = await videoStills(greys(8, 64, 48), 1);
    expect(await sizeOf(thumbnail)).toEqual({ format: 'webp', width: 64, height: 48 });
    expect(await frameAt(thumbnail, 32, 24)).toBe(4);
    const { image, geometry } = spritesheet;
    expect(geometry).toEqual({ tiles: 8, columns: 3, rows: 3, tile_width: 64, tile_height: 48 });
    expect(await sizeOf(image)).toEqual({ format: 'webp', width: 192, height: 144 });
    const seen = [];
    for (let n = 0; n < 8; n++) seen.push(await frameAt(image, (n % 3) * 64 + 32, Math.floor(n / 3) * 48 + 24));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('are of a bounded size, and stand for equal parts of a long video', async () => {
    const { thumbnail, spritesheet } = await videoStills(greys(31, 1024, 256), 2);
    expect(await sizeOf(thumbnail)).toMatchObject({ width: 320, height: 80 });
    const { tiles, columns, tile_width, tile_height } = spritesheet.geometry;
    expect({ tiles, columns, tile_width, tile_height }).toEqual({
      ...{ tiles: mostTiles, columns: 5, tile_width: 160, tile_height: 40 },
    });
    expect(await frameAt(spritesheet.image, 80, 20)).toBe(0);
    expect(await frameAt(spritesheet.image, 4 * 160 + 80, 4 * 40 + 20)).toBe(30);
  });

  it('enlarge tiny frames as the video does, without a blur', async () => {
    const video = greys(1, 8, 8);
    // The upper left pixel is white.
    video.data.fill(255, 0, 3);
    const { thumbnail, spritesheet } = await videoStills(video, 4);
    expect(await sizeOf(thumbnail)).toMatchObject({ width: 32, height: 32 });
    const { data, info } = await sharp(thumbnail).raw().toBuffer({ resolveWithObject: true });
    const grey = (x: number, y: number) => data[(y * info.width + x) * info.channels]!;
    expect(grey(1, 1)).toBeGreaterThan(200);
    expect(grey(20, 20)).toBeLessThan(20);
    expect(spritesheet.geometry).toEqual({ tiles: 1, columns: 1, rows: 1, tile_width: 32, tile_height: 32 });
  });

  it.each([
    [1, 4096, 8],
    [3, 1, 1],
  ])('%i frames of %ix%i have some', async (frames, width, height) => {
    const { thumbnail, spritesheet } = await videoStills(greys(frames, width, height), 1);
    expect((await sizeOf(thumbnail)).height).toBeGreaterThan(0);
    expect(spritesheet.geometry.tiles).toBe(frames);
  });

  it('are the same of the same video', async () => {
    const [one, two] = await Promise.all([videoStills(greys(9, 64, 64), 1), videoStills(greys(9, 64, 64), 1)]);
    expect(one.thumbnail.equals(two.thumbnail)).toBe(true);
    expect(one.spritesheet.image.equals(two.spritesheet.image)).toBe(true);
  });
});
