import type { Candidates } from '../../events/schemas.js';
import type { Denoiser, Embedder, GenerateCalls, GenerateInput } from '../../models/ports.js';
import { draftScore } from '../../models/scoring/draft-score.js';

/** Of the steps of a video, those that a draft has: by then the sampler sees what stands where, and few details. */
const draftShare = 0.4;

export const draftSteps = (steps: number): number => Math.ceil(draftShare * steps);

/**
 * Draws `count` drafts, the first steps of the video from the seeds that follow the one asked for, and scores them. The drafts run beside
 * each other, as far as the model draws several at once. undefined: nothing in the prompt could be compared, so the seed stays.
 */
export async function chooseCandidate(
  input: GenerateInput,
  count: number,
  { denoiser, embedder, signal, onStep }: ChoiceSurroundings,
): Promise<{ candidates: Candidates | undefined; seconds: number }> {
  const draft = draftSteps(input.steps);
  const seeds = Array.from({ length: count }, (_, i) => (input.seed + i) >>> 0);
  let done = 0;
  const failed = new AbortController();
  const calls = { signal: AbortSignal.any([signal, failed.signal]), onStep: () => onStep?.(++done, count * draft) };
  const drafts = await Promise.all(seeds.map((seed) => denoiser.generate({ ...input, seed, draft }, calls))).catch(
    (thrown) => {
      failed.abort();
      throw thrown;
    },
  );
  const seconds = drafts.reduce((sum, one) => sum + one.seconds, 0);
  const scored: Candidates['scored'] = [];
  for (const [i, { video }] of drafts.entries()) {
    const score = await draftScore(video, input.prompt, embedder);
    if (score === undefined) return { candidates: undefined, seconds };
    scored.push({ seed: seeds[i]!, score });
  }
  const best = scored.reduce((one, other) => (other.score > one.score ? other : one));
  return { candidates: { steps: draft, encoder: embedder.name, scored, chosen: best.seed }, seconds };
}

interface ChoiceSurroundings extends Pick<GenerateCalls, 'signal' | 'onStep'> {
  denoiser: Denoiser;
  embedder: Embedder;
}
