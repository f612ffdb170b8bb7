import { frameDifference, sceneScore } from './frames.js';

export interface SceneFrame {
  frame: Uint8Array;
  /** It begins a scene. */
  isCut: boolean;
  /** How it differs from the one before, in grey, 0 to 1; 0 for the first. */
  change: number;
}

export interface SceneOptions {
  /** Of sceneScore. */
  threshold: number;
  /** A change that is taken back within so many frames is a flash. */
  flashFrames: number;
}

interface Waiting extends SceneFrame {
  before: Uint8Array;
  /** How many of the frames behind it were compared with what was before it. */
  compared: number;
}

/**
 * Marks where scenes begin. A cut is one wherever it is; but where what was there before comes back at once, something
 * flashed, and the scene goes on. Holds `flashFrames` frames, and only behind a change.
 */
export async function* findScenes(
  frames: AsyncIterable<Uint8Array>,
  { threshold, flashFrames }: SceneOptions,
): AsyncGenerator<SceneFrame> {
  let before: Uint8Array | undefined;
  let lastDifference = 0;
  const waiting: Waiting[] = [];
  for await (const frame of frames) {
    const difference = before ? frameDifference(before, frame) : { colour: 0, grey: 0 };
    const isCut = sceneScore(difference.colour, lastDifference) > threshold;
    waiting.push({ frame, isCut, change: difference.grey, before: before ?? frame, compared: 0 });
    before = frame;
    lastDifference = difference.colour;
    yield* decided(false);
  }
  yield* decided(true);

  function* decided(isEnd: boolean): Generator<SceneFrame> {
    for (let head = waiting[0]; head; head = waiting[0]) {
      const returned = head.isCut ? whereItReturns(head) : 0;
      if (head.isCut && returned === 0 && !isEnd && waiting.length <= flashFrames) return;
      for (const entry of waiting.splice(0, returned + 1)) yield { ...entry, isCut: entry.isCut && returned === 0 };
    }
  }

  /** Which frame after a change shows again what was before it; 0: none so far. */
  function whereItReturns(head: Waiting): number {
    const end = Math.min(waiting.length - 1, flashFrames);
    while (head.compared < end) {
      head.compared++;
      const { colour } = frameDifference(head.before, waiting[head.compared]!.frame);
      if (sceneScore(colour, 0) < threshold / 2) return head.compared;
    }
    return 0;
  }
}
