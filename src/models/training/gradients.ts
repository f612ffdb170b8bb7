import * as tf from '@tensorflow/tfjs';
import type { Model } from '../networks/model.js';
import { sizeOf, type Weights } from '../networks/parameters.js';
import type { Batch } from './batch.js';
import { lossOf } from './loss.js';
import type { Recipe } from './recipe.js';

export interface StepGradients {
  /** What is minimised, and of it the mean diffusion loss. */
  loss: number;
  diffusion: number;
  /** By parameter name. */
  gradients: Map<string, Float32Array>;
}

/** Loss and gradient of a step, the means over its pieces of equal size: only one piece is in memory at a time. */
export function gradientsOf(
  model: Model,
  w: Weights,
  pieces: readonly Batch[],
  lossWeights: Pick<Recipe, 'layout' | 'placement'>,
): StepGradients {
  const share = 1 / pieces.length;
  const sum: StepGradients = {
    loss: 0,
    diffusion: 0,
    gradients: new Map(model.specs.map((spec) => [spec.name, new Float32Array(sizeOf(spec))])),
  };
  for (const piece of pieces) {
    const { value, grads, diffusion } = tf.tidy(() => {
      let seen: tf.Tensor | undefined;
      const compute = () => {
        const losses = lossOf(model, w, piece, lossWeights);
        seen = tf.keep(losses.diffusion);
        return losses.total;
      };
      const variables = model.specs.map(({ name }) => w.get(name)!);
      // Parameters that a batch does not use (no picture in it, nothing carried over) have no gradient.
      return { ...tf.engine().gradients(compute, variables, undefined, true), diffusion: seen! };
    });
    sum.loss += share * value.dataSync()[0]!;
    for (const loss of diffusion.dataSync()) sum.diffusion += (share * loss) / piece.B;
    for (const [i, { name }] of model.specs.entries()) {
      const gradient = grads[i]?.dataSync();
      if (!gradient) continue;
      const total = sum.gradients.get(name)!;
      for (let j = 0; j < total.length; j++) total[j]! += share * gradient[j]!;
    }
    tf.dispose([value, ...grads.filter(Boolean), diffusion]);
  }
  return sum;
}
