import { type ParameterSpec, sizeOf } from '../../networks/parameters.js';
import type { Recipe } from '../loop/recipe.js';
import { adamW } from './adamw.js';
import { clipping } from './clipping.js';
import { learners } from './learners.js';
import { meanWeights } from './mean-weights.js';
import { isMuonMatrix, muon, muonTurn, type Turn } from './muon.js';
import { rateAt } from './schedule.js';

/**
 * What a training step does with its gradients: clip them (clipping.ts), move the weights by AdamW (adamw.ts) and, for the
 * matrices of the blocks, by Muon (muon.ts), at the rate of the schedule (schedule.ts); then the mean of the weights
 * follows (mean-weights.ts).
 *
 * State and update are plain arrays: the same on every backend, stored as they are, continued exactly.
 */
export interface OptimizerState {
  /** Parameters and their exponential mean, by name. */
  weights: Map<string, Float32Array>;
  ema: Map<string, Float32Array>;
  /** First moments (Muon: momentum); second moments (AdamW only). */
  first: Map<string, Float32Array>;
  second: Map<string, Float32Array>;
}

export function startState(specs: readonly ParameterSpec[], weights: Map<string, Float32Array>): OptimizerState {
  const zeros = () => new Map(specs.map((spec) => [spec.name, new Float32Array(sizeOf(spec))]));
  return { weights, ema: new Map([...weights].map(([name, v]) => [name, v.slice()])), first: zeros(), second: zeros() };
}

/** One step, in place. Returns the norm of the gradient before clipping; where that is not finite, nothing is changed. */
export function update(
  specs: readonly ParameterSpec[],
  state: OptimizerState,
  gradients: ReadonlyMap<string, Float32Array>,
  step: number,
  steps: number,
  { rate, muonRate, warmup, decay, weightDecay, clip, ema, only }: Recipe['optimizer'],
): number {
  const learning = learners(specs, only);
  const { norm, scale } = clipping(learning, gradients, clip);
  if (!Number.isFinite(norm)) return norm;
  const level = rateAt(step, steps, { warmup, decay });
  const turns: Turn[] = [];
  for (const learner of learning) {
    const { name } = learner.spec;
    const of = (map: ReadonlyMap<string, Float32Array>) => map.get(name)!;
    if (muonRate > 0 && !only && isMuonMatrix(learner.spec))
      turns.push(muonTurn(learner.spec, of(state.first), of(gradients), scale));
    else
      adamW(learner, [of(state.weights), of(state.first), of(state.second), of(gradients)], {
        ...{ step, rate: rate * level, weightDecay, scale },
      });
  }
  muon(turns, state.weights, { rate: muonRate * level, weightDecay });
  meanWeights(learning, state, { step, keep: ema });
  return norm;
}
