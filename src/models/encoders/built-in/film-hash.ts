import type { RgbImage } from '../../ports.js';
import { flatHash, hammingDistance, perceptualHash } from './perceptual-hash.js';

/*
 * What a clip looks like over its length: the perceptual hashes of four of its frames, 64 hex digits. One frame says
 * little of a film: many have a black one, or the same title, in the middle.
 */

const moments = [1, 3, 5, 7];
const digits = 16;
/** Frames of a copy that was cut or timed a little differently differ by some bits more than its keyframe. */
const looser = 3;

export async function filmHash(frames: number, frameAt: (n: number) => Promise<RgbImage>): Promise<string> {
  const hashes: string[] = [];
  for (const moment of moments) hashes.push(perceptualHash(await frameAt(Math.floor((frames * moment) / 8))));
  return hashes.join('');
}

/**
 * Whether two media can be copies of each other as far as this tells, `bits` being what two copies of one image may
 * differ by. Stills, and clips of which it is not known, have none: their keyframes decide.
 */
export function maybeOneFilm(a: string | undefined, b: string | undefined, bits: number): boolean {
  if (a === undefined || b === undefined) return true;
  return moments.every((_, n) => {
    const [one, other] = [a, b].map((film) => film.slice(n * digits, (n + 1) * digits)) as [string, string];
    if (one === flatHash || other === flatHash) return one === other;
    return hammingDistance(one, other) <= looser * Math.max(0, bits);
  });
}
