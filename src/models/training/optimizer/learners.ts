import { type ParameterSpec, sizeOf } from '../../networks/parameters.js';
import type { Recipe } from '../loop/recipe.js';

export interface Learner {
  spec: ParameterSpec;
  /** Of its numbers, from and to. */
  parts: [number, number][];
}

/** What learns; the rest stays as it is, to the bit. */
export function learners(specs: readonly ParameterSpec[], only: Recipe['optimizer']['only']): Learner[] {
  if (!only) return specs.map((spec) => ({ spec, parts: [[0, sizeOf(spec)]] }));
  return specs.flatMap((spec) => {
    const rows = only[spec.name] ?? [];
    if (rows === 'all') return [{ spec, parts: [[0, sizeOf(spec)]] }];
    const each = sizeOf(spec) / spec.shape[0]!;
    return rows.length > 0 ? [{ spec, parts: rows.map((row) => [row * each, (row + 1) * each]) }] : [];
  });
}
