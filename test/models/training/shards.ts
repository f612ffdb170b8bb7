import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { packTar } from '../../../src/media/tar.js';
import { mediaTools } from '../../../src/media/tools.js';

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** An MP4 of a dot that wanders, `frames` frames of side x side. */
export function clip(frames: number, side = 64): Buffer {
  const raw = Buffer.alloc(frames * side * side * 3, 200);
  for (let t = 0; t < frames; t++)
    for (let y = 20; y < 36; y++)
      for (let x = 4 + 5 * t; x < 20 + 5 * t; x++)
        raw.set([220, 30, 30], ((t * side + y) * side + Math.min(x, side - 1)) * 3);
  const path = join(mkdtempSync(join(tmpdir(), 'vimi-')), 'clip.mp4');
  execFileSync(
    mediaTools().ffmpeg.path,
    [
      '-v',
      'error',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
      '-s',
      `${side}x${side}`,
      '-r',
      '8',
      '-i',
      'pipe:0',
      '-pix_fmt',
      'yuv420p',
      path,
    ],
    { input: raw },
  );
  return readFileSync(path);
}

export async function image(colour: string): Promise<Buffer> {
  return sharp({ create: { width: 48, height: 40, channels: 3, background: colour } })
    .webp({ lossless: true })
    .toBuffer();
}

export interface SampleParts {
  key: string;
  caption: string;
  clip: { mp4: Buffer } | { webp: Buffer };
  context: { caption: string; image: Buffer }[];
  own?: Buffer;
}

/** Members of a sample as the shard operator writes them. */
export function members({ key, caption, clip: file, context, own }: SampleParts): { name: string; bytes: Buffer }[] {
  const ref = (bytes: Buffer) => ({
    key: `images/${sha(bytes)}.webp`,
    size: bytes.length,
    sha256: sha(bytes),
    media_type: 'image/webp',
  });
  const parts = [
    ...context.flatMap((document) => [{ text: document.caption }, { image: ref(document.image), role: 'reference' }]),
    ...(own ? [{ image: ref(own), role: 'background' }] : []),
    { text: caption },
  ];
  const json = {
    caption,
    prompt: { task: 'text-to-video', instruction: 'Generate a video with the retrieved text-image pairs.', parts },
    context: context.map((document) => ({
      ...{ document: sha(document.image), caption: document.caption, image: ref(document.image), score: 1, ranks: {} },
    })),
    clip: 'webp' in file ? { fps: 0, frames: 1 } : { fps: 8, frames: 8 },
  };
  const [[kind, bytes]] = Object.entries(file) as [[string, Buffer]];
  return [
    { name: `${key}.${kind}`, bytes },
    { name: `${key}.json`, bytes: Buffer.from(JSON.stringify(json)) },
    ...context.map((document, n) => ({ name: `${key}.ctx${n}.webp`, bytes: document.image })),
    ...(own ? [{ name: `${key}.img0.webp`, bytes: own }] : []),
  ];
}

export async function writeShard(list: { name: string; bytes: Buffer }[]): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'vimi-')), 'shard.tar');
  writeFileSync(path, await packTar(list));
  return path;
}
