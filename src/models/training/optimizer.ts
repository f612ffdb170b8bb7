import * as tf from '@tensorflow/tfjs';
import { type ParameterSpec, sizeOf } from '../networks/parameters.js';
import type { Recipe } from './recipe.js';

/**
 * AdamW (Loshchilov, Hutter 2019) and, for the matrices of the blocks, Muon (Jordan et al. 2024): momentum whose update is
 * made orthogonal by five Newton-Schulz steps.
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

/** Linear warm-up, then level, then a cosine to a hundredth over the last `decay` of the steps. `step` counts from 0. */
export function rateAt(
  step: number,
  steps: number,
  { warmup, decay }: Pick<Recipe['optimizer'], 'warmup' | 'decay'>,
): number {
  const rising = Math.min(1, (step + 1) / Math.max(1, warmup));
  const left = (steps - step) / Math.max(1, steps * decay);
  const falling = left >= 1 ? 1 : 0.01 + 0.99 * 0.5 * (1 - Math.cos(Math.PI * left));
  return rising * falling;
}

/** The matrices that Muon moves: those inside the layers, not tables, embeddings of pixels and numbers, or heads. */
export function isMuonMatrix({ name, shape }: ParameterSpec): boolean {
  return shape.length === 2 && Math.min(...shape) >= 16 && /(block|layer)\d+\..*matrix$/.test(name);
}

/** One step, in place. Returns the norm of the gradient before clipping. */
export function update(
  specs: readonly ParameterSpec[],
  state: OptimizerState,
  gradients: ReadonlyMap<string, Float32Array>,
  step: number,
  steps: number,
  { rate, muonRate, warmup, decay, weightDecay, clip, ema, only }: Recipe['optimizer'],
): number {
  const learning = learners(specs, only);
  let square = 0;
  for (const { spec, parts } of learning) {
    const gradient = gradients.get(spec.name)!;
    for (const [from, to] of parts) for (let i = from; i < to; i++) square += gradient[i]! * gradient[i]!;
  }
  const norm = Math.sqrt(square);
  if (!Number.isFinite(norm)) return norm;
  const scale = norm > clip ? clip / norm : 1;
  const level = rateAt(step, steps, { warmup, decay });

  const [b1, b2, mu] = [0.9, 0.98, 0.95];
  const muon: { spec: ParameterSpec; direction: Float32Array }[] = [];
  for (const { spec, parts } of learning) {
    const { name } = spec;
    const [w, m, v, g] = [
      state.weights.get(name)!,
      state.first.get(name)!,
      state.second.get(name)!,
      gradients.get(name)!,
    ];
    if (muonRate > 0 && !only && isMuonMatrix(spec)) {
      const direction = new Float32Array(w.length);
      for (let i = 0; i < w.length; i++) {
        m[i] = mu * m[i]! + g[i]! * scale;
        direction[i] = g[i]! * scale + mu * m[i]!; // Nesterov
      }
      muon.push({ spec, direction });
      continue;
    }
    const [c1, c2] = [1 - b1 ** (step + 1), 1 - b2 ** (step + 1)];
    const shrink = spec.shape.length >= 2 ? 1 - rate * level * weightDecay : 1;
    for (const [from, to] of parts)
      for (let i = from; i < to; i++) {
        const gi = g[i]! * scale;
        m[i] = b1 * m[i]! + (1 - b1) * gi;
        v[i] = b2 * v[i]! + (1 - b2) * gi * gi;
        w[i] = w[i]! * shrink - (rate * level * (m[i]! / c1)) / (Math.sqrt(v[i]! / c2) + 1e-8);
      }
  }
  for (const { spec, direction } of orthogonalise(muon)) {
    const w = state.weights.get(spec.name)!;
    const [rows, columns] = spec.shape as [number, number];
    const pace = muonRate * level * Math.sqrt(Math.max(1, columns / rows));
    const shrink = 1 - muonRate * level * weightDecay;
    for (let i = 0; i < w.length; i++) w[i] = w[i]! * shrink - pace * direction[i]!;
  }
  // A young mean forgets faster, or the start values would stay in it.
  const keep = Math.min(ema, (1 + step) / (10 + step));
  for (const { spec, parts } of learning) {
    const [mean, w] = [state.ema.get(spec.name)!, state.weights.get(spec.name)!];
    for (const [from, to] of parts) for (let i = from; i < to; i++) mean[i] = keep * mean[i]! + (1 - keep) * w[i]!;
  }
  return norm;
}

interface Learner {
  spec: ParameterSpec;
  /** Of its numbers, from and to. */
  parts: [number, number][];
}

/** What learns; the rest stays as it is, to the bit. */
function learners(specs: readonly ParameterSpec[], only: Recipe['optimizer']['only']): Learner[] {
  if (!only) return specs.map((spec) => ({ spec, parts: [[0, sizeOf(spec)]] }));
  return specs.flatMap((spec) => {
    const each = sizeOf(spec) / spec.shape[0]!;
    const rows = only[spec.name] ?? [];
    return rows.length > 0 ? [{ spec, parts: rows.map((row) => [row * each, (row + 1) * each]) }] : [];
  });
}

/** Newton-Schulz towards the nearest orthogonal matrix, matrices of one shape together. */
function orthogonalise<T extends { spec: ParameterSpec; direction: Float32Array }>(list: T[]): T[] {
  const byShape = new Map<string, T[]>();
  for (const item of list) {
    const key = item.spec.shape.join('x');
    byShape.set(key, [...(byShape.get(key) ?? []), item]);
  }
  for (const items of byShape.values()) {
    const [rows, columns] = items[0]!.spec.shape as [number, number];
    const size = rows * columns;
    const stacked = new Float32Array(items.length * size);
    for (const [i, { direction }] of items.entries()) stacked.set(direction, i * size);
    const product = tf.tidy(() => {
      let x: tf.Tensor = tf.tensor(stacked, [items.length, rows, columns]);
      const wide = rows <= columns;
      if (!wide) x = x.transpose([0, 2, 1]);
      x = x.div(x.square().sum([1, 2], true).sqrt().add(1e-7));
      for (let i = 0; i < 5; i++) {
        const a = tf.matMul(x, x, false, true);
        x = x.mul(3.4445).add(tf.matMul(a.mul(-4.775).add(tf.matMul(a, a).mul(2.0315)), x));
      }
      return wide ? x : x.transpose([0, 2, 1]);
    });
    const result = product.dataSync() as Float32Array;
    product.dispose();
    for (const [i, item] of items.entries()) item.direction.set(result.subarray(i * size, (i + 1) * size));
  }
  return list;
}
