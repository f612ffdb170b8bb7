import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { WorldFrame } from '../../src/evaluation/metrics/world-frames.js';
import { encodeVideo } from '../../src/media/encode-video.js';
import type { Sprite } from '../../src/media/read-sprite.js';
import type { RgbVideo } from '../../src/models/ports.js';

/** A world of drawn shapes: small, known to the pixel, and of no other code than this file's. */

export interface Pose {
  x: number;
  y: number;
  size: number;
  angle: number;
}

const palette = [
  [220, 40, 40],
  [40, 160, 60],
  [50, 80, 220],
  [230, 200, 40],
  [150, 60, 190],
  [30, 180, 190],
] as const;

export const backgrounds = { white: [245, 245, 245], black: [20, 20, 22], grey: [120, 124, 118] } as const;
export type BackgroundName = keyof typeof backgrounds;

/** Subject k: an L in one colour, a disc in another at its inner corner: no symmetry, no two alike. 64 x 64, filled to its box. */
export function sprite(k: number): Sprite {
  const side = 64;
  const pixels = new Float32Array(side * side * 4);
  const first = palette[k % 6]!;
  const second = palette[(k + 1 + Math.floor(k / 6)) % 6]!;
  const thick = 14 + 4 * (k % 3);
  const radius = 12 + 3 * (Math.floor(k / 3) % 3);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const inL = x < thick || y >= side - thick;
      const inDisc = Math.hypot(x - 40, y - 22) < radius;
      const colour = inL ? first : inDisc ? second : null;
      if (colour) pixels.set([...colour, 1], (y * side + x) * 4);
    }
  return { width: side, height: side, pixels };
}

/** Ten paths at moment t of T, large and plain. */
export const paths: Record<string, (t: number, T: number) => Pose> = {
  left: (t, T) => ({ x: 23 - (14 * t) / (T - 1), y: 15, size: 16, angle: 0 }),
  right: (t, T) => ({ x: 9 + (14 * t) / (T - 1), y: 17, size: 16, angle: 0 }),
  up: (t, T) => ({ x: 15, y: 23 - (14 * t) / (T - 1), size: 16, angle: 0 }),
  down: (t, T) => ({ x: 17, y: 9 + (14 * t) / (T - 1), size: 16, angle: 0 }),
  bounce: (t, T) => ({ x: 16, y: 24 - 14 * Math.abs(Math.sin((2 * Math.PI * t) / T)), size: 15, angle: 0 }),
  grow: (t, T) => ({ x: 16, y: 16, size: 8 + (12 * t) / (T - 1), angle: 0 }),
  shrink: (t, T) => ({ x: 16, y: 16, size: 20 - (12 * t) / (T - 1), angle: 0 }),
  spin: (t, T) => ({ x: 16, y: 16, size: 17, angle: (2 * Math.PI * t) / T }),
  circle: (t, T) => ({
    x: 16 + 7 * Math.sin((2 * Math.PI * t) / T),
    y: 16 - 7 * Math.cos((2 * Math.PI * t) / T),
    size: 15,
    angle: 0,
  }),
  still: () => ({ x: 17, y: 14, size: 17, angle: 0 }),
};

export const posesOf = (motion: string, T: number): Pose[] => Array.from({ length: T }, (_, t) => paths[motion]!(t, T));

/** Numbers 0 to 255, [side, side, 3], by 4 x 4 samples a pixel. */
export function drawFrame(
  cast: { sprite: Sprite; pose: Pose }[],
  background: readonly number[],
  side = 32,
): WorldFrame {
  const frame = new Float32Array(side * side * 3);
  const unit = side / 32;
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      let colour = [...background];
      for (const { sprite: one, pose } of cast) {
        const sum = [0, 0, 0, 0];
        for (let j = 0; j < 4; j++)
          for (let i = 0; i < 4; i++) {
            const dx = (x + (i + 0.5) / 4) / unit - pose.x;
            const dy = (y + (j + 0.5) / 4) / unit - pose.y;
            const [cos, sin] = [Math.cos(pose.angle), Math.sin(pose.angle)];
            const u = Math.floor(((cos * dx + sin * dy) / pose.size + 0.5) * one.width);
            const v = Math.floor(((cos * dy - sin * dx) / pose.size + 0.5) * one.height);
            if (u < 0 || v < 0 || u >= one.width || v >= one.height) continue;
            for (let c = 0; c < 4; c++) sum[c]! += one.pixels[(v * one.width + u) * 4 + c]! / 16;
          }
        colour = colour.map((value, c) => value * (1 - sum[3]!) + sum[c]!);
      }
      frame.set(colour, (y * side + x) * 3);
    }
  return frame;
}

export function drawClip(k: number, motion: string, background: readonly number[], T = 8): WorldFrame[] {
  return posesOf(motion, T).map((pose) => drawFrame([{ sprite: sprite(k), pose }], background));
}

export function videoOf(frames: readonly WorldFrame[], side = 32): RgbVideo {
  const data = new Uint8Array(frames.length * side * side * 3);
  for (const [t, frame] of frames.entries()) data.set(Uint8ClampedArray.from(frame), t * frame.length);
  return { frames: frames.length, width: side, height: side, data };
}

const nameOf = (k: number): string =>
  `a ${['brick', 'copper', 'linen', 'velvet', 'marble', 'amber'][k % 6]} ${['gadget', 'trinket', 'widget', 'gizmo'][Math.floor(k / 6) % 4]}`;
export const codeOf = (k: number): string => `f${k.toString(16).padStart(3, '0')}`;

export interface SyntheticClip {
  subjects: { k: number; motion: string; place?: string; poses?: Pose[]; change?: 'upside down' | 'as a miniature' }[];
  background: BackgroundName;
  fence?: BackgroundName;
}

/** From where to where the posts of a fence go. */
const posts = [
  [6, 9],
  [20, 23],
];

function upsideDown({ width, height, pixels }: Sprite): Sprite {
  const row = width * 4;
  const out = new Float32Array(pixels.length);
  for (let y = 0; y < height; y++) out.set(pixels.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  return { width, height, pixels: out };
}

async function writeSprite({ width, height, pixels }: Sprite, file: string): Promise<void> {
  const rgba = Uint8Array.from(pixels, (v, i) => (i % 4 === 3 ? 255 * v : v));
  await sharp(rgba, { raw: { width, height, channels: 4 } })
    .png()
    .toFile(file);
}

/** Writes a folder as examples/world/make.mjs does, of `subjects` images and the clips: 8 frames of 64 x 64. */
export async function writeWorld(folder: string, subjects: number, clips: SyntheticClip[]): Promise<void> {
  await mkdir(join(folder, 'stills'), { recursive: true });
  await mkdir(join(folder, 'clips'), { recursive: true });
  const media: object[] = [];
  for (let k = 0; k < subjects; k++) {
    const file = `stills/${nameOf(k).replaceAll(' ', '-')}.png`;
    await writeSprite(sprite(k), join(folder, file));
    media.push({ uri: file, caption: nameOf(k), source: `noto:${codeOf(k)}`, licence: 'CC0-1.0' });
  }
  const truth: object[] = [];
  for (const [n, { subjects: cast, background, fence }] of clips.entries()) {
    const place = String(n).padStart(5, '0');
    const at = cast.map(({ motion, poses, change }) =>
      (poses ?? posesOf(motion, 8)).map((pose) =>
        change === 'as a miniature' ? { ...pose, size: pose.size / 2 } : pose,
      ),
    );
    const frames = Array.from({ length: 8 }, (_, t) => {
      const frame = drawFrame(
        cast.map(({ k, change }, i) => ({
          sprite: change === 'upside down' ? upsideDown(sprite(k)) : sprite(k),
          pose: at[i]![t]!,
        })),
        backgrounds[background],
        64,
      );
      for (const [from, to] of fence ? posts : [])
        for (let y = 0; y < 64; y++)
          for (let x = 2 * from!; x < 2 * to!; x++) frame.set(backgrounds[fence!], (y * 64 + x) * 3);
      return frame;
    });
    const changed = cast.find(({ change }) => change !== undefined);
    if (changed) {
      await mkdir(join(folder, 'looks', place), { recursive: true });
      await writeSprite(sprite(changed.k), join(folder, 'looks', place, 'as it is.png'));
      await writeSprite(upsideDown(sprite(changed.k)), join(folder, 'looks', place, 'upside down.png'));
    }
    const file = `clips/${place}.mp4`;
    await encodeVideo({
      frames: videoOf(frames, 64).data,
      ...{ width: 64, height: 64, fps: 8, crf: 8, output: join(folder, file) },
      signal: new AbortController().signal,
    });
    const said = cast.map(
      ({ k, motion, place, change }) =>
        `${nameOf(k)}${change ? ` ${change}` : ''} ${verb(motion)}${place ? ` at the ${place}` : ''}`,
    );
    const caption = `${said.join(' and ')}${fence ? ` behind a ${fence} fence` : ''} on a ${background} background`;
    media.push({ uri: file, caption, source: `world:clip:${n}`, licence: 'CC0-1.0' });
    const rows = at.map((list) => list.map(({ x, y, size, angle }) => [x, y, size, angle]));
    const [first] = cast;
    truth.push(
      cast.length === 1 && !changed && !fence
        ? { clip: n, subject: codeOf(first!.k), motion: first!.motion, colour: background, poses: rows[0] }
        : {
            clip: n,
            background: { colour: background },
            ...(fence && { fence: { colour: fence, posts } }),
            subjects: cast.map(({ k, motion, place = 'whole', change }, i) => ({
              ...{ entity: codeOf(k), phrase: nameOf(k), motion, place, poses: rows[i], ...(change && { change }) },
            })),
          },
    );
  }
  await writeFile(join(folder, 'media.jsonl'), media.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await writeFile(join(folder, 'truth.jsonl'), truth.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** As a caption says a motion; the last word tells them apart. */
export const verb = (motion: string): string =>
  ['left', 'right', 'up', 'down'].includes(motion)
    ? `moves ${motion}`
    : motion === 'still'
      ? 'stays still'
      : `${motion}s`;
