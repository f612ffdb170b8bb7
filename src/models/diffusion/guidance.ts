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

/** The weights of a step, counted from 0. A weight that is below `low` anyway stays as it is. */
export function guidanceAt(
  step: number,
  weights: { text: number; image: number },
  oscillation?: Oscillation,
): { text: number; image: number } {
  if (!oscillation || step < oscillation.steady || (step - oscillation.steady) % 2 === 1) return weights;
  const { low } = oscillation;
  return { text: Math.min(low, weights.text), image: Math.min(low, weights.image) };
}

/** The factors of the same branches at other weights: 0 where a branch does not count then. */
export function factorsOf(
  branches: readonly [Branch, number][],
  weights: { text: number; image: number },
  hasImages: boolean,
): [Branch, number][] {
  const now = new Map(guidanceBranches(weights, hasImages));
  return branches.map(([branch]) => [branch, now.get(branch) ?? 0]);
}

/** The weighted sum of the branches' results. */
export function combine(branches: readonly [Branch, number][], results: readonly ArrayLike<number>[]): Float64Array {
  const out = new Float64Array(results[0]!.length);
  for (const [b, [, factor]] of branches.entries())
    for (let i = 0; i < out.length; i++) out[i]! += factor * results[b]![i]!;
  return out;
}
