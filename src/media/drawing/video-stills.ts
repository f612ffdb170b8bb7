import sharp, { type Sharp } from 'sharp';
import { frameAsWebp } from '../images.js';
import type { RgbImage, RgbVideo } from '../pixels.js';

/** Pixels of the longer side, at most: of a thumbnail, one tile of a spritesheet, a preview. */
const thumbnailSide = 320;
const tileSide = 160;
const previewSide = 256;
/** Tiles of a spritesheet, at most. */
export const mostTiles = 25;

/** How the tiles of a spritesheet lie: row by row, from the upper left. Each stands for as much of the video as any other. */
interface SheetGeometry {
  tiles: number;
  columns: number;
  rows: number;
  tile_width: number;
  tile_height: number;
}

interface VideoStills {
  /** The middle frame: WebP. */
  thumbnail: Buffer;
  /** Frames spread over the video, in a grid: WebP. */
  spritesheet: { image: Buffer; geometry: SheetGeometry };
  /** As the model drew it: WebP without losses. Another video may go on from it. */
  lastFrame: Buffer;
}

/**
 * What people look at before they play a video. Tiny frames are enlarged by repeating pixels, as far as `scale` says of the
 * video itself. Equal frames give equal bytes with the same libwebp.
 */
export async function videoStills(video: RgbVideo, scale: number): Promise<VideoStills> {
  const small = await resized(frameOf(video, video.frames >> 1), scale, thumbnailSide);
  return {
    thumbnail: await asWebp(small),
    spritesheet: await spritesheet(video, scale),
    lastFrame: await frameAsWebp(frameOf(video, video.frames - 1)),
  };
}

/** A frame on the way to a video: WebP of a few kilobytes. */
export async function preview(frame: RgbImage): Promise<Buffer> {
  return raw(await resized(frame, 1, previewSide))
    .webp({ quality: 70 })
    .toBuffer();
}

async function spritesheet(video: RgbVideo, scale: number): Promise<VideoStills['spritesheet']> {
  const tiles = Math.min(video.frames, mostTiles);
  const columns = Math.ceil(Math.sqrt(tiles));
  const rows = Math.ceil(tiles / columns);
  let sheet: RgbImage | undefined;
  let [wide, high] = [0, 0];
  for (let n = 0; n < tiles; n++) {
    // The frame in the middle of what the tile stands for.
    const at = Math.floor(((n + 0.5) * video.frames) / tiles);
    const tile = await resized(frameOf(video, at), scale, tileSide);
    [wide, high] = [tile.width, tile.height];
    sheet ??= blank(columns * wide, rows * high);
    lay(tile, sheet, { left: (n % columns) * wide, top: Math.floor(n / columns) * high });
  }
  const geometry = { tiles, columns, rows, tile_width: wide, tile_height: high };
  return { image: await asWebp(sheet!), geometry };
}

function frameOf({ width, height, data }: RgbVideo, n: number): RgbImage {
  const size = width * height * 3;
  return { width, height, data: data.subarray(n * size, (n + 1) * size) };
}

/** As large as in the video, unless its longer side is over `longest` then. */
async function resized(frame: RgbImage, scale: number, longest: number): Promise<RgbImage> {
  const factor = Math.min(scale, longest / Math.max(frame.width, frame.height));
  const [width, height] = [frame.width, frame.height].map((side) => Math.max(1, Math.round(side * factor)));
  if (width === frame.width && height === frame.height) return frame;
  const { data } = await raw(frame)
    .resize(width!, height!, { fit: 'fill', kernel: factor > 1 ? 'nearest' : 'lanczos3' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: width!, height: height!, data };
}

function lay(tile: RgbImage, onto: RgbImage, { left, top }: { left: number; top: number }): void {
  for (let y = 0; y < tile.height; y++) {
    const row = tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3);
    onto.data.set(row, ((top + y) * onto.width + left) * 3);
  }
}

function blank(width: number, height: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3) };
}

function asWebp(image: RgbImage): Promise<Buffer> {
  return raw(image).webp({ quality: 80 }).toBuffer();
}

function raw({ width, height, data }: RgbImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}
