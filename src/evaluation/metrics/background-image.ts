import { type WorldFrame, worldSide } from './world-frames.js';

/** What stays where it is: the median of each number over the frames. A subject that moves is gone from it. */
export function lasting(frames: readonly WorldFrame[]): WorldFrame {
  return frames[0]!.map((_, i) => {
    const values = frames.map((frame) => frame[i]!).sort((a, b) => a - b);
    return values[values.length >> 1]!;
  });
}

/** Correlation of two images, each channel about its own mean, -1 to 1; 0 when one of them is plain. */
export function imageLikeness(a: WorldFrame, b: WorldFrame): number {
  const pixels = worldSide * worldSide;
  let [product, aa, bb] = [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    let [ma, mb] = [0, 0];
    for (let i = c; i < a.length; i += 3) {
      ma += a[i]! / pixels;
      mb += b[i]! / pixels;
    }
    for (let i = c; i < a.length; i += 3) {
      product += (a[i]! - ma) * (b[i]! - mb);
      aa += (a[i]! - ma) ** 2;
      bb += (b[i]! - mb) ** 2;
    }
  }
  return aa * bb < 1e-6 ? 0 : product / Math.sqrt(aa * bb);
}
