import * as tf from '@tensorflow/tfjs';
import { painted } from '../../../src/models/networks/extensions/paint.js';
import {
  attention,
  feedForward,
  linear,
  neighbours,
  norm,
  repeat,
  transformerLayer,
} from '../../../src/models/networks/layers.js';
import { Declaration, startValues, type Weights } from '../../../src/models/networks/parameters.js';
import { numbers } from './tiny.js';

/** A layer, the shapes of what it is given, and how it is called. */
export type LayerCase = [
  name: string,
  shapes: number[][],
  build: (d: Declaration) => (w: Weights, ...x: tf.Tensor[]) => tf.Tensor,
];

export const layerCases: LayerCase[] = [
  ['linear', [[2, 3, 4]], (d) => linear(d, 4, 5)],
  ['norm', [[2, 3, 4]], (d) => norm(d, 4)],
  ['feedForward', [[2, 3, 4]], (d) => feedForward(d, 4, 2)],
  ['transformerLayer', [[2, 3, 8]], (d) => transformerLayer(d, 8, 2, 2)],
  ['neighbours', [[2, 4, 3, 5]], (d) => neighbours(d, 5)],
  [
    'painted',
    [
      [4, 3, 8],
      [2, 4, 3],
    ],
    () => (_, pixels, paint) => painted(pixels!, paint!),
  ],
  ['repeat', [[2, 1, 3, 1, 2]], () => (_, x) => repeat(x, [2, 4, 3, 2, 2])],
  [
    'attention with a hidden token',
    [
      [2, 3, 8],
      [2, 5, 6],
    ],
    (d) => {
      const attend = attention(d, { C: 8, D: 6, heads: 2 });
      return (w, x, context) =>
        attend(w, x, context, {
          bias: tf.tensor([0, 0, -1e9, 0, 0, 0, -1e9, -1e9, 0, 0], [2, 1, 1, 5]),
        });
    },
  ],
];

/** A layer with start values for its inputs and parameters, ready to be run and differentiated on any backend. */
export function trial(...[, shapes, build]: LayerCase) {
  const declare = Declaration.root();
  const layer = build(declare);
  const specs = declare.specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.3 } : spec));
  const values = startValues(specs, 1);
  const sizes = shapes.map((s) => s.reduce((a, b) => a * b));
  /** What is varied: the inputs, then the parameters. */
  const start = [...sizes.map((n, i) => numbers(n, 20 + i)), ...specs.map(({ name }) => values.get(name)!)];
  const allShapes = [...shapes, ...specs.map(({ shape }) => shape)];
  const tensors = (arrays: Float32Array[]) => arrays.map((array, i) => tf.tensor(array, allShapes[i]!));
  const run = (all: tf.Tensor[]) =>
    layer(new Map(specs.map(({ name }, i) => [name, all[shapes.length + i]!])), ...all.slice(0, shapes.length));
  /** A number that every output moves: their sum with fixed weights. */
  const weighted = (all: tf.Tensor[]) => {
    const y = run(all);
    return y.mul(tf.tensor(numbers(y.size, 77), y.shape)).sum();
  };
  return {
    specs,
    start,
    score: (arrays: Float32Array[]) => tf.tidy(() => weighted(tensors(arrays))).dataSync()[0]!,
    /** On the backend that is current. */
    async results(): Promise<{ y: Float32Array; gradients: Float32Array[] }> {
      const inputs = tensors(start);
      const y = tf.tidy(() => run(inputs));
      const { grads } = tf.tidy(() => tf.valueAndGrads((...all: tf.Tensor[]) => weighted(all).asScalar())(inputs));
      const [values, ...gradients] = (await Promise.all([y, ...grads].map((t) => t.data()))) as Float32Array[];
      tf.dispose([...inputs, y, ...grads]);
      return { y: values!, gradients };
    },
  };
}

/** How far two backends are apart in the outputs and gradients of a layer, as a part of each tensor's greatest value. */
export async function disagreement(layer: ReturnType<typeof trial>, one: string, other: string): Promise<number> {
  tf.setBackend(one);
  const a = await layer.results();
  tf.setBackend(other);
  const b = await layer.results();
  let worst = 0;
  for (const [i, right] of [b.y, ...b.gradients].entries()) {
    const left = i === 0 ? a.y : a.gradients[i - 1]!;
    if (left.length !== right.length) return Number.POSITIVE_INFINITY;
    const scale = Math.max(...right.map(Math.abs), 1e-3);
    for (const [j, v] of right.entries()) {
      const apart = Math.abs(left[j]! - v) / scale;
      if (!(apart <= worst)) worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
    }
  }
  return worst;
}
