import type { GraphRunner } from '../../../src/models/graphs/graph-runner.js';
import type { GenerateInput, RgbImage, RgbVideo } from '../../../src/models/ports.js';
import { generate } from '../../../src/models/sampling/generate.js';
import { type Pass, Rounds, type Seat } from '../../../src/models/sampling/rounds.js';
import type { LoadedModel } from '../../../src/models/weights/load-model.js';

const disc: RgbImage = {
  ...{ width: 32, height: 32 },
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
    const [x, y] = [(Math.floor(i / 3) % 32) - 16, Math.floor(i / 96) - 16];
    return x * x + y * y < 100 ? [200, 60, 30][i % 3]! : 255;
  }),
};

const asked = (text: string, seed: number, change: Partial<GenerateInput> = {}): GenerateInput => ({
  prompt: {
    ...{ task: 'text-to-video', instruction: '' },
    parts: [{ text: 'a ball' }, { pixels: disc, role: 'reference' }, { text }],
  },
  ...{ frames: 2, width: 16, height: 16, fps: 8, steps: 2, seed, guidance: { text: 3, image: 3.5 } },
  ...change,
});

/**
 * Three of one shape, of which one takes longer and one is cancelled; one of another shape; one with fewer branches of guidance, which
 * joins while the others are under way.
 */
export const inputs: readonly GenerateInput[] = [
  asked('moves left', 1),
  asked('it grows', 2, { steps: 3 }),
  asked('a ball turns', 3),
  asked('a ball moves up', 4, { frames: 4, width: 8 }),
  asked('a ball', 5, { guidance: { text: 1, image: 1 }, steps: 1 }),
];
const cancelled = 2;
const late = 4;
/** Videos in the largest batch, at least: those of one shape. */
export const longest = 3;

/** Draws them all at once in batches of `most`; the largest batch that ran, in videos. */
export async function drawnAtOnce(
  { loaded, upsampler }: { loaded: LoadedModel; upsampler?: LoadedModel | undefined },
  { graphs, most }: { graphs: GraphRunner | undefined; most: number },
): Promise<{ videos: (RgbVideo | undefined)[]; largest: number }> {
  const rounds = new Rounds({ most });
  let largest = 0;
  /** Looks at the batches on their way. */
  const watched = (seat: Seat): Seat => ({
    leave: () => seat.leave(),
    rest: () => seat.rest(),
    ask: <I, O>(passes: Pass<I, O>[]) =>
      seat.ask(
        passes.map(({ run, ...pass }) => ({
          ...pass,
          run: (all: I[]) => {
            largest = Math.max(largest, all.length);
            return run(all);
          },
        })),
      ),
  });
  let hasBegun = () => {};
  const underWay = new Promise<void>((resolve) => {
    hasBegun = resolve;
  });
  const videos = await Promise.all(
    inputs.map(async (input, n) => {
      if (n === late) await underWay;
      const abort = new AbortController();
      const onStep = (done: number) => {
        hasBegun();
        if (n === cancelled && done === 1) abort.abort();
      };
      const { signal } = abort;
      try {
        return await generate(loaded, input, { upsampler, graphs, seat: watched(rounds.seat()), signal, onStep });
      } catch (thrown) {
        if (n === cancelled && (thrown as { code?: string }).code === 'CANCELLED') return undefined;
        throw thrown;
      }
    }),
  );
  return { videos, largest };
}
