import { boxesIn, headBytes } from './mp4-boxes.js';

/** How many frames the one track of an MP4 has, if all are shown for the same time; null where they are not. */
export function evenFrames(mp4: Buffer): number | null {
  let [start, end] = [0, mp4.length];
  for (const type of ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stts']) {
    const box = boxesIn(mp4, start, end).find((one) => one.type === type);
    if (!box) return null;
    [start, end] = [box.start + headBytes, box.end];
  }
  // Version and flags, how many runs of equal durations there are, and of the first one how many frames it has.
  return mp4.readUInt32BE(start + 4) === 1 ? mp4.readUInt32BE(start + 8) : null;
}
