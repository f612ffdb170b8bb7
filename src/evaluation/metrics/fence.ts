import { colourDistance, type Rgb } from './background.js';
import { type WorldFrame, worldSide } from './world-frames.js';

/** From where to where each post of a fence goes, in units of the world. */
export type Posts = readonly (readonly [number, number])[];

/** Two colours nearer than this are the same, in RGB (0 to 441). */
const same = 84;

/** The share of what the posts cover that has the fence's colour, over all frames; none before a background of the same colour. */
export function fenceShown(frames: readonly WorldFrame[], colour: Rgb, background: Rgb, posts: Posts): number {
  if (colourDistance(colour, background) < same) return 0;
  const columns = columnsOf(posts, (from, to) => [Math.ceil(from), Math.floor(to)]);
  let right = 0;
  for (const frame of frames)
    for (let row = 0; row < worldSide; row++)
      for (const column of columns) {
        const at = (row * worldSide + column) * 3;
        if (colourDistance([frame[at]!, frame[at + 1]!, frame[at + 2]!], colour) < same) right++;
      }
  return right / (frames.length * worldSide * columns.length);
}

/** The frame with the background where the posts are. */
export function withoutFence(frame: WorldFrame, background: Rgb, posts: Posts): WorldFrame {
  const out = Float32Array.from(frame);
  for (const column of columnsOf(posts, (from, to) => [Math.floor(from), Math.ceil(to)]))
    for (let row = 0; row < worldSide; row++) out.set(background, (row * worldSide + column) * 3);
  return out;
}

function columnsOf(posts: Posts, round: (from: number, to: number) => [number, number]): number[] {
  return posts.flatMap(([left, right]) => {
    const [from, to] = round(left, right);
    return Array.from({ length: to - from }, (_, i) => from + i);
  });
}
