import * as tf from '@tensorflow/tfjs';
import { shape } from '../numerics/shape.js';
import type { Declaration, Weights } from './parameters.js';

/**
 * The layers that the networks are made of. Each is declared once, with its sizes, and gives a function of the weights.
 *
 *   B batch   N, M tokens   C, D channels   h heads
 */
type Layer = (w: Weights, x: tf.Tensor) => tf.Tensor;

/** y = x A + b on the last dimension, whatever lies before it. `start` scales the usual 1/sqrt(C); 0 starts silent. */
export function linear(declare: Declaration, C: number, D: number, { start = 1, bias = true } = {}): Layer {
  const matrix = declare.add('matrix', [C, D], start / Math.sqrt(C));
  const offset = bias ? declare.add('bias', [D], 0) : null;
  return (w, x) => {
    const before = x.shape.slice(0, -1);
    const flat = tf.matMul(x.reshape([-1, C]) as tf.Tensor2D, matrix(w) as tf.Tensor2D);
    return (offset ? flat.add(offset(w)) : flat).reshape([...before, D]);
  };
}

/** What is added to the scores of attention: nothing where the mask has 1, and where it has 0 so little that the share is exactly 0. */
export const hiding = (mask: tf.Tensor): tf.Tensor => tf.sub(1, mask).mul(-1e9);

/** Learned numbers as scores of attention, tenfold: what is learned in small steps is to reach scores that decide. */
export const asScores = (table: tf.Tensor): tf.Tensor => table.mul(10);

/** Each token divided by its root mean square, times a learned gain: layer norm without the mean (Zhang, Sennrich 2019). */
export function norm(declare: Declaration, C: number): Layer {
  const gain = declare.add('gain', [C], 'ones');
  return (w, x) => normed(x, gain(w));
}

/*
 * The gradients of these two are written out: taken operation by operation, they were an eighth of a training step.
 */

/** r = 1 / rms(x), y = x r g: dx = r (dy g - x r mean(dy g x r)), dg = the sum of dy x r over all tokens. */
const normed = withGradient((x, gain) => {
  const r = tf.rsqrt(x!.square().mean(-1, true).add(1e-6));
  const unit = x!.mul(r);
  const gradient = (dy: tf.Tensor, [unit, r, gain]: tf.Tensor[]) => {
    const along = dy.mul(unit!);
    const pull = along.mul(gain!).mean(-1, true);
    const across = [...Array(along.rank - 1).keys()];
    return [dy.mul(gain!).sub(unit!.mul(pull)).mul(r!), along.sum(across)];
  };
  return { value: unit.mul(gain!), saved: [unit, r, gain!], gradient };
});

/** x s with s = sigmoid(x): dx = dy (s + y - y s). */
export const silu = withGradient((x) => {
  const s = x!.sigmoid();
  const y = x!.mul(s);
  const gradient = (dy: tf.Tensor, [s, y]: tf.Tensor[]) => [dy.mul(s!.add(y!).sub(y!.mul(s!)))];
  return { value: y, saved: [s, y], gradient };
});

/** An operation that brings its own gradient: of dy and of what it saved, one for each tensor it was given. */
export function withGradient(
  operation: (...given: tf.Tensor[]) => {
    value: tf.Tensor;
    saved: tf.Tensor[];
    gradient: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];
  },
): (...given: tf.Tensor[]) => tf.Tensor {
  return tf.customGrad((...all) => {
    const save = all.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const { value, saved, gradient } = operation(...(all.slice(0, -1) as tf.Tensor[]));
    save(saved);
    return { value, gradFunc: gradient };
  });
}

/** norm, C → ratio * C, SiLU, → C, added to x. */
export function feedForward(declare: Declaration, C: number, ratio: number): Layer {
  const before = norm(declare.at('norm'), C);
  const up = linear(declare.at('up'), C, ratio * C);
  const down = linear(declare.at('down'), ratio * C, C, { start: 0.2 });
  return (w, x) => x.add(down(w, silu(up(w, before(w, x)))));
}

export interface AttentionSizes {
  /** Channels of the queries, and of the result. */
  C: number;
  /** Channels of what is read. */
  D: number;
  heads: number;
  /** Channels of all heads together; C if not given. */
  inner?: number;
}

/**
 * Attention of x [B, N, C] on context [B, M, D], added to x. `bias` [B, h or 1, N or 1, M] is added to the scores: a large
 * negative number hides a token.
 */
export function attention(declare: Declaration, { C, D, heads, inner = C }: AttentionSizes) {
  const before = norm(declare.at('norm'), C);
  const beforeContext = norm(declare.at('context-norm'), D);
  const query = linear(declare.at('query'), C, inner, { bias: false });
  const key = linear(declare.at('key'), D, inner, { bias: false });
  const value = linear(declare.at('value'), D, inner, { bias: false });
  const out = linear(declare.at('out'), inner, C, { start: 0.2 });
  const width = inner / heads;
  // [B, N, h * width] → [B, h, N, width]
  const split = (x: tf.Tensor, B: number, N: number) => x.reshape([B, N, heads, width]).transpose([0, 2, 1, 3]);
  return (w: Weights, x: tf.Tensor, context: tf.Tensor, { bias }: { bias?: tf.Tensor } = {}) => {
    const { B, N } = shape(x, ['B', 'N', 'C'], { C });
    const { M } = shape(context, ['B', 'M', 'D'], { B, D });
    if (bias) {
      const [, h, n] = bias.shape;
      shape(bias, ['B', 'h', 'n', 'M'], { B, M, h: h === 1 ? 1 : heads, n: n === 1 ? 1 : N });
    }
    const read = beforeContext(w, context);
    const q = split(query(w, before(w, x)), B, N);
    const k = key(w, read).reshape([B, M, heads, width]).transpose([0, 2, 3, 1]); // [B, h, width, M]: as the product wants it
    const v = split(value(w, read), B, M);
    const scores = tf.matMul(q.mul(1 / Math.sqrt(width)), k); // [B, h, N, M]
    const mixed = tf.matMul(tf.softmax(bias ? scores.add(bias) : scores), v); // [B, h, N, width]
    return x.add(out(w, mixed.transpose([0, 2, 1, 3]).reshape([B, N, inner])));
  };
}

/** Self-attention and feed-forward: one layer of a transformer, [B, N, C] → [B, N, C]. */
export function transformerLayer(declare: Declaration, C: number, heads: number, ratio: number) {
  const attend = attention(declare.at('attention'), { C, D: C, heads });
  const feed = feedForward(declare.at('feed'), C, ratio);
  return (w: Weights, x: tf.Tensor, bias?: tf.Tensor) => feed(w, attend(w, x, x, { bias }));
}

/** A 3x3 convolution over [B, H, W, C] with edges of zeros, normed before and added to x. */
export function neighbours(declare: Declaration, C: number) {
  const before = norm(declare.at('norm'), C);
  const filter = declare.add('filter', [3, 3, C, C], 0.3 / Math.sqrt(9 * C));
  return (w: Weights, x: tf.Tensor): tf.Tensor => {
    shape(x, ['B', 'H', 'W', 'C'], { C });
    const mixed = tf.conv2d(silu(before(w, x)) as tf.Tensor4D, filter(w) as tf.Tensor4D, 1, 'same');
    return x.add(mixed);
  };
}

/**
 * A linear layer of frames t-1, t, t+1 side by side; beyond the ends there is nothing. As a convolution over time: frames
 * need not be laid side by side in memory. [B, T, N, C] → [B, T, N, C]
 */
export function framesBeside(declare: Declaration, C: number): Layer {
  const matrix = declare.add('matrix', [3 * C, C], 0.2 / Math.sqrt(3 * C));
  const offset = declare.add('bias', [C], 0);
  return (w, x) => {
    const T = x.shape[1]!;
    // Of a single frame nothing else is there to be multiplied.
    const filter = T > 1 ? matrix(w).reshape([3, 1, C, C]) : matrix(w).slice([C, 0], [C, C]).reshape([1, 1, C, C]);
    return tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same').add(offset(w));
  };
}

/**
 * A tensor repeated along its dimensions of 1, to the given shape. A product with ones and not tf.tile, whose gradient is
 * slow and ends at rank 4.
 */
export const repeat = (x: tf.Tensor, to: number[]): tf.Tensor => x.mul(tf.ones(to));

/** What is computed without a gradient: whatever it depends on stays as it is. */
export const constant = (compute: () => tf.Tensor): tf.Tensor =>
  tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))();
