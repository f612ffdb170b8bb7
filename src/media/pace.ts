import type { Repeats } from './repeats.js';

/** A frame and the moment it is shown from, in seconds. */
export interface TimedFrame {
  time: number;
  frame: Uint8Array;
}

/** How many slots late a frame may come so that none is lost: bursts after a stall. */
const mostLate = 4;

/**
 * The slot, at `fps` slots a second, of each frame in order of display. `keepAll`: a frame whose slot is taken goes into
 * the next one, as long as it is not more than `mostLate` slots late. Frames of one slot replace each other.
 */
export function slotsOf(fps: number, keepAll: boolean): (time: number) => number {
  let last = -1;
  return (time) => {
    const exact = time * fps;
    // Halves go up, and times are not exact to the last bit.
    let slot = Math.floor(exact + 0.5 + 1e-6);
    if (slot <= last) slot = keepAll && last + 1 - exact <= mostLate ? last + 1 : last;
    last = slot;
    return slot;
  };
}

export interface Pace {
  fps: number;
  keepAll: boolean;
  /** Seconds that the last frame is shown. */
  interval: number;
  repeats: Repeats;
}

/**
 * Frames at a constant rate, from the first one on: a frame is repeated until the next one's moment. Time before the
 * first frame is no part of the film. `uneven` is called where a frame is repeated or left out.
 */
export async function* paced(
  frames: AsyncIterable<TimedFrame>,
  { fps, keepAll, interval, repeats }: Pace,
  uneven: () => void = () => {},
): AsyncGenerator<Uint8Array> {
  const slotOf = slotsOf(fps, keepAll);
  let first: number | undefined;
  let shown: { slot: number; frame: Uint8Array } | undefined;
  let end = 0;
  for await (const { time, frame } of frames) {
    first ??= time;
    const slot = slotOf(time - first);
    if (slot !== (shown ? shown.slot + 1 : 0)) uneven();
    if (shown) yield* repeats.of(shown.frame, slot - shown.slot);
    shown = { slot, frame };
    end = Math.max(end, Math.floor((time - first + interval) * fps + 0.5 + 1e-6));
  }
  if (!shown) return;
  const last = keepAll || shown.slot === 0 ? Math.max(end, shown.slot + 1) : end;
  if (last !== shown.slot + 1) uneven();
  yield* repeats.of(shown.frame, last - shown.slot);
}
