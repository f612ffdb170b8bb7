import { colourDifference, type SeenFrame } from './measures/seen-frame.js';

export interface SceneFrame {
  seen: SeenFrame;
  /** It begins a scene. */
  isCut: boolean;
}

export interface SceneOptions {
  /** The least change that is a cut, on the scale of ffmpeg's `scene` value: 0 to 1. Infinity: there are no cuts. */
  threshold: number;
  /** A change that is taken back within so many frames is a flash. */
  flashFrames: number;
  /** So many frames before and after a change say what is usual there. */
  around: number;
}

/** A cut changes so many times as much as what is usual around it. */
const standsOut = 1.65;
/** And that much beside the contrast of the fuller image: what jumps within a scene changes a small part of it. */
const ofContrast = 1 / 3;
/** What is left of a change after a flash, at most. */
const takenBack = 1 / 3;

interface Waiting {
  seen: SeenFrame;
  before: SeenFrame;
  /** How many of the frames behind it were compared with what was before it. */
  compared: number;
}

/** How many of the last frames `findScenes` looks at: those that wait, and the one before them. */
export function framesInView({ flashFrames, around }: Pick<SceneOptions, 'flashFrames' | 'around'>): number {
  return Math.max(2 * around, flashFrames) + 2;
}

/**
 * Marks where scenes begin. A cut is a change that stands out from those around it, whatever is usual there: next to
 * nothing in a dark scene, much in a pan. So neither a pan, its beginning, nor film that moves in jerks is a cut; a dissolve
 * or a fade has none. Where what was there before a change comes back at once, something flashed, and the scene goes on.
 * Shots shorter than `around` that follow each other are taken for flicker.
 * Holds twice `around` frames, and behind a change `flashFrames` where these are more.
 */
export async function* findScenes(
  frames: AsyncIterable<SeenFrame>,
  { threshold, flashFrames, around }: SceneOptions,
): AsyncGenerator<SceneFrame> {
  /** The changes of the last frames that were given on. */
  const past: number[] = [];
  const waiting: Waiting[] = [];
  let before: SeenFrame | undefined;
  for await (const seen of frames) {
    waiting.push({ seen, before: before ?? seen, compared: 0 });
    before = seen;
    yield* decided(false);
  }
  yield* decided(true);

  function* decided(isEnd: boolean): Generator<SceneFrame> {
    for (let head = waiting[0]; head; head = waiting[0]) {
      if (!isEnd && waiting.length <= neighboursAfter()) return;
      const isChange = changesMost();
      const returned = isChange ? whereItReturns(head) : 0;
      if (isChange && returned === 0 && !isEnd && waiting.length <= flashFrames) return;
      for (const { seen } of waiting.splice(0, returned + 1)) {
        past.push(seen.change.colour);
        if (past.length > 2 * around) past.shift();
        yield { seen, isCut: isChange && returned === 0 };
      }
    }
  }

  /** As many as before it; near an end of the film as many on the other side as are missing on the one. */
  function neighboursAfter(): number {
    return 2 * around - Math.min(around, past.length);
  }

  /** Whether the first one that waits stands out. One neighbour may do so too: a flash has two ends. */
  function changesMost(): boolean {
    const [change, ...after] = waiting.slice(0, neighboursAfter() + 1).map(({ seen }) => seen.change.colour);
    const { seen, before } = waiting[0]!;
    if (sceneScore(change!) <= threshold || change! < ofContrast * Math.max(seen.contrast, before.contrast))
      return false;
    const usual = [...past.slice(after.length - 2 * around), ...after].sort((a, b) => b - a)[1] ?? 0;
    return change! >= standsOut * usual;
  }

  /** Which frame after a change shows again what was before it; 0: none so far. */
  function whereItReturns(head: Waiting): number {
    const end = Math.min(waiting.length - 1, flashFrames);
    while (head.compared < end) {
      head.compared++;
      const left = colourDifference(head.before, waiting[head.compared]!.seen);
      if (left < takenBack * head.seen.change.colour) return head.compared;
    }
    return 0;
  }
}

/** A hundredth of the mean byte difference, at most 1: the scale of ffmpeg's `scene` value. */
function sceneScore(difference: number): number {
  return Math.min(1, (difference * 255) / 100);
}
