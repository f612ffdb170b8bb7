import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { encodeVideo } from '../../src/media/encode-video.js';
import { ffmpegToFile } from '../../src/media/ffmpeg.js';

/** A folder for the file's tests, gone after them. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vimi-media-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const never = new AbortController().signal;

export interface VideoRecipe {
  width?: number;
  height?: number;
  fps?: number;
  /** Frames of each scene; every scene has its own colour. A bright square moves in all of them. */
  scenes?: number[];
  /** false: nothing moves. */
  moves?: boolean;
}

const grounds = [
  [200, 40, 40],
  [30, 60, 200],
  [40, 170, 60],
  [230, 200, 40],
];

/** RGB frames of a square that goes right over plain grounds. */
export function scenes({ width = 64, height = 48, scenes: lengths = [24], moves = true }: VideoRecipe): Uint8Array {
  const total = lengths.reduce((sum, n) => sum + n, 0);
  const bytes = new Uint8Array(total * width * height * 3);
  let n = 0;
  for (const [scene, length] of lengths.entries())
    for (let i = 0; i < length; i++, n++) {
      const left = moves ? (i * 2) % Math.max(1, width - 12) : 4;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const inSquare = x >= left && x < left + 12 && y >= 8 && y < 20;
          bytes.set(inSquare ? [255, 255, 255] : grounds[scene % grounds.length]!, ((n * height + y) * width + x) * 3);
        }
    }
  return bytes;
}

/** Writes such a video as MP4. */
export async function makeVideo(folder: string, name: string, recipe: VideoRecipe = {}): Promise<string> {
  const { width = 64, height = 48, fps = 12 } = recipe;
  const output = join(folder, name);
  await encodeVideo({ frames: scenes(recipe), width, height, fps, crf: 10, output, signal: never });
  return output;
}

/** One second of a 440 Hz tone as WAV. */
export function tone(): Buffer {
  const rate = 8000;
  const header = Buffer.from('RIFF....WAVEfmt ....................data....', 'latin1');
  header.writeUInt32LE(36 + rate * 2, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.writeUInt32LE(rate * 2, 40);
  const samples = Buffer.alloc(rate * 2);
  for (let i = 0; i < rate; i++)
    samples.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rate)), i * 2);
  return Buffer.concat([header, samples]);
}

/** Another container, codec or shape of a file. */
export async function convert(folder: string, from: string, name: string, options: string[]): Promise<string> {
  const output = join(folder, name);
  await ffmpegToFile(
    {
      inputs: [{ source: `file:${from}`, options: [] }],
      options,
      signal: never,
      failure: { code: 'ENCODER_FAILED', summary: 'The test could not make a file', where: name },
    },
    output,
  );
  return output;
}

/** A PNG that is nothing but a header of the given size and one short row of data. */
export function hollowPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const nothing = Buffer.from('789c030000000001', 'hex');
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', nothing),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Turns an MP4's image by a quarter in its track header, as a phone does. */
export async function turnQuarter(path: string): Promise<void> {
  const bytes = await readFile(path);
  const box = bytes.indexOf('tkhd');
  // Version 0: the matrix lies 44 bytes after the type.
  const matrix = [0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000];
  for (const [n, value] of matrix.entries()) bytes.writeInt32BE(value, box + 4 + 40 + n * 4);
  await writeFile(path, bytes);
}

/** A red disc with a soft edge on transparent ground. */
export function discPng(size: number): Promise<Buffer> {
  const pixels = Buffer.alloc(size * size * 4);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const inside = size / 3 - Math.hypot(x + 0.5 - size / 2, y + 0.5 - size / 2);
      pixels.set([0xc0, 0x20, 0x20, 255 * Math.max(0, Math.min(1, inside + 0.5))], (y * size + x) * 4);
    }
  return sharp(pixels, { raw: { width: size, height: size, channels: 4 } })
    .png()
    .toBuffer();
}
