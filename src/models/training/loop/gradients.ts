import * as tf from '@tensorflow/tfjs';
import type { Model } from '../../networks/model.js';
import { type ParameterSpec, sizeOf, type Weights } from '../../networks/parameters.js';
import type { Batch } from '../data/batch.js';
import { lossOf } from './loss.js';
import type { Recipe } from './recipe.js';

/** Weights of what is added to the diffusion loss. */
export type LossWeights = Pick<Recipe, 'layout' | 'placement'>;

export interface PieceGradients {
  /** What is minimised, and the diffusion loss of each entry, [B]. */
  loss: number;
  diffusion: Float32Array;
  /** In the order of the declarations; null: the piece does not use it (no image in it, nothing carried over). */
  gradients: (Float32Array | null)[];
}

export interface StepGradients {
  /** What is minimised, and of it the mean diffusion loss. */
  loss: number;
  diffusion: number;
  /** By parameter name. */
  gradients: ReadonlyMap<string, Float32Array>;
}

/** Loss and gradient of a step, the means over its pieces of equal size: only one piece is in memory at a time. */
export function gradientsOf(
  model: Model,
  w: Weights,
  pieces: readonly Batch[],
  lossWeights: LossWeights,
): StepGradients {
  const mean = new MeanOfPieces(model.specs, pieces.length);
  for (const piece of pieces) mean.add(gradientsOfPiece(model, w, piece, lossWeights));
  return mean;
}

export function gradientsOfPiece(model: Model, w: Weights, piece: Batch, lossWeights: LossWeights): PieceGradients {
  const { value, grads, diffusion } = tf.tidy(() => {
    let seen: tf.Tensor | undefined;
    const compute = () => {
      const losses = lossOf(model, w, piece, lossWeights);
      seen = tf.keep(losses.diffusion);
      return losses.total;
    };
    const variables = model.specs.map(({ name }) => w.get(name)!);
    return { ...tf.engine().gradients(compute, variables, undefined, true), diffusion: seen! };
  });
  const result: PieceGradients = {
    loss: value.dataSync()[0]!,
    diffusion: diffusion.dataSync() as Float32Array,
    gradients: model.specs.map((_, i) => (grads[i]?.dataSync() as Float32Array | undefined) ?? null),
  };
  tf.dispose([value, ...grads.filter(Boolean), diffusion]);
  return result;
}

/** The mean over `count` pieces. Sums are rounded: to be the same bit for bit, pieces are added in their order. */
export class MeanOfPieces implements StepGradients {
  loss = 0;
  diffusion = 0;
  readonly gradients: Map<string, Float32Array>;
  readonly #share: number;

  readonly #specs: readonly ParameterSpec[];

  constructor(specs: readonly ParameterSpec[], count: number) {
    this.#specs = specs;
    this.#share = 1 / count;
    this.gradients = new Map(specs.map((spec) => [spec.name, new Float32Array(sizeOf(spec))]));
  }

  add({ loss, diffusion, gradients }: PieceGradients): void {
    const share = this.#share;
    this.loss += share * loss;
    for (const one of diffusion) this.diffusion += (share * one) / diffusion.length;
    for (const [i, { name }] of this.#specs.entries()) {
      const gradient = gradients[i];
      if (!gradient) continue;
      const total = this.gradients.get(name)!;
      for (let j = 0; j < total.length; j++) total[j]! += share * gradient[j]!;
    }
  }
}
