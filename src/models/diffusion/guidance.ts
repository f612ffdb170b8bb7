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

/** The weighted sum of the branches' results. */
export function combine(branches: readonly [Branch, number][], results: readonly ArrayLike<number>[]): Float64Array {
  const out = new Float64Array(results[0]!.length);
  for (const [b, [, factor]] of branches.entries())
    for (let i = 0; i < out.length; i++) out[i]! += factor * results[b]![i]!;
  return out;
}
