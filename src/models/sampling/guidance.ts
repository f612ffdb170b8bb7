/** What of the prompt a branch of guidance sees. */
export type Branch = 'nothing' | 'text' | 'all';

/**
 * Classifier-free guidance, one weight a modality:
 *
 *   D = D(nothing) + g_text * (D(text) - D(nothing)) + g_image * (D(all) - D(text))
 *
 * as the branches that must be computed and their factors (which sum to 1). Branches with factor 0 are left out, so equal
 * weights cost two evaluations and weights of 1 one; without images `all` is `text`.
 */
export function guidanceBranches(weights: { text: number; image: number }, hasImages: boolean): [Branch, number][] {
  const factors: [Branch, number][] = hasImages
    ? [
        ['nothing', 1 - weights.text],
        ['text', weights.text - weights.image],
        ['all', weights.image],
      ]
    : [
        ['nothing', 1 - weights.text],
        ['all', weights.text],
      ];
  return factors.filter(([, factor]) => Math.abs(factor) > 1e-9);
}

/**
 * Oscillating guidance (Imagen Video, arXiv 2210.02303, Sec. 2.6): the asked weights for the first `steady` steps, which
 * decide what is where, and then the weight `low` and the asked ones in turn, so that contrast does not build up.
 */
export interface Oscillation {
  steady: number;
  low: number;
}

/** The noise levels down to which each modality is guided; below, its weight is 1 (0: everywhere). */
export type GuidedAbove = { text: number; image: number };

/** The noise levels between which there is guidance at all. */
export interface GuidedBetween {
  low: number;
  high: number;
}

/**
 * The weights of a step, counted from 0, at noise level sigma.
 *
 * Guidance counts in an interval of noise levels (Kynkäänniemi et al. 2024, arXiv 2404.07724; by modality: not from the paper): the
 * words decide early what is where, and later only push colours away from their place. A weight that is below `low`, or
 * below 1, anyway stays as it is.
 */
export function guidanceAt(
  { step, sigma }: { step: number; sigma: number },
  weights: { text: number; image: number },
  {
    oscillation,
    above = { text: 0, image: 0 },
    between,
  }: { oscillation?: Oscillation; above?: GuidedAbove; between?: GuidedBetween } = {},
): { text: number; image: number } {
  const isOutside = between !== undefined && (sigma < between.low || sigma > between.high);
  const isLow = oscillation && step >= oscillation.steady && (step - oscillation.steady) % 2 === 0;
  const most = isLow ? oscillation.low : Number.POSITIVE_INFINITY;
  const limited = (modality: 'text' | 'image') =>
    Math.min(weights[modality], most, isOutside || sigma < above[modality] ? 1 : Number.POSITIVE_INFINITY);
  return { text: limited('text'), image: limited('image') };
}

/** The factors of some branches at some weights: 0 where a branch does not count then. */
export function factorsOf(
  branches: readonly Branch[],
  weights: { text: number; image: number },
  hasImages: boolean,
): number[] {
  const now = new Map(guidanceBranches(weights, hasImages));
  return branches.map((branch) => now.get(branch) ?? 0);
}

/**
 * The branches to compute at each step: those that count at it or later, because their latents carry over from step to
 * step. What never counts again is left out.
 */
export function branchesOfSteps(weights: readonly { text: number; image: number }[], hasImages: boolean): Branch[][] {
  const all: Branch[] = ['nothing', 'text', 'all'];
  let later: Branch[] = [];
  return weights
    .toReversed()
    .map((one) => {
      const now = guidanceBranches(one, hasImages).map(([branch]) => branch);
      later = all.filter((branch) => later.includes(branch) || now.includes(branch));
      return later;
    })
    .toReversed();
}

/** The weighted sum of the branches' results. */
export function combine(factors: readonly number[], results: readonly ArrayLike<number>[]): Float64Array {
  const out = new Float64Array(results[0]!.length);
  for (const [b, factor] of factors.entries()) for (let i = 0; i < out.length; i++) out[i]! += factor * results[b]![i]!;
  return out;
}
