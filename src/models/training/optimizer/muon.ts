import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec } from '../../networks/parameters.js';

/*
 * Muon (Jordan et al. 2024): momentum whose update is made orthogonal by five Newton-Schulz steps.
 */

const mu = 0.95;

/** The matrices that Muon moves: those inside the layers, not tables, embeddings of pixels and numbers, or heads. */
export function isMuonMatrix({ name, shape }: ParameterSpec): boolean {
  return shape.length === 2 && Math.min(...shape) >= 16 && /(block|layer)\d+\..*matrix$/.test(name);
}

/** A matrix, and where its momentum leads: no step yet. */
export interface Turn {
  spec: ParameterSpec;
  direction: Float32Array;
}

/** Takes the gradient g, times `scale`, into the momentum m, in place. */
export function muonTurn(spec: ParameterSpec, m: Float32Array, g: Float32Array, scale: number): Turn {
  const direction = new Float32Array(m.length);
  for (let i = 0; i < m.length; i++) {
    m[i] = mu * m[i]! + g[i]! * scale;
    direction[i] = g[i]! * scale + mu * m[i]!; // Nesterov
  }
  return { spec, direction };
}

/** One step along all turns, in place. */
export function muon(
  turns: Turn[],
  weights: ReadonlyMap<string, Float32Array>,
  { rate, weightDecay }: { rate: number; weightDecay: number },
): void {
  for (const { spec, direction } of orthogonalise(turns)) {
    const w = weights.get(spec.name)!;
    const [rows, columns] = spec.shape as [number, number];
    const pace = rate * Math.sqrt(Math.max(1, columns / rows));
    const shrink = 1 - rate * weightDecay;
    for (let i = 0; i < w.length; i++) w[i] = w[i]! * shrink - pace * direction[i]!;
  }
}

/** Newton-Schulz towards the nearest orthogonal matrix, matrices of one shape together. */
function orthogonalise(list: Turn[]): Turn[] {
  const byShape = new Map<string, Turn[]>();
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
