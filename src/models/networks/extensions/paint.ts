import * as tf from '@tensorflow/tfjs';
import { shape } from '../../numerics/shape.js';
import type { Preset } from '../../presets/preset.js';
import { attention, linear, silu } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';
import type { Condition, ConditionImages } from '../prompt-encoder.js';

/**
 * The words' way to the pixels of the prompt's images: "a fox painted blue" is the fox of the image in another colour. Each image
 * asks the prompt what it is to be painted like, and gets a change of its colours, linear in them and in the matte: what
 * placement.ts lays into the frames is changed by it. Without it an image's pixels are handed on as they are, and no
 * number of training steps makes the words count (not from the paper).
 *
 * images.meaning [B, K, C] → what is added to red, green and blue for each of red, green, blue and matte, [B, K, 4, 3]
 */
export function paint(declare: Declaration, { width: C, heads }: Preset) {
  const ask = attention(declare.at('ask'), { C, D: C, heads });
  const hidden = linear(declare.at('hidden'), C, C);
  // Silent at first: images are laid as they are.
  const change = linear(declare.at('change'), C, 12, { start: 0 });
  return (w: Weights, { tokens, bias }: Condition, { meaning }: ConditionImages): tf.Tensor => {
    const { B, K } = shape(meaning, ['B', 'K', 'C'], { C });
    // Fourfold: what is learned in small steps is to reach changes that are seen.
    return change(w, silu(hidden(w, ask(w, meaning, tokens, { bias }))))
      .mul(4)
      .reshape([B, K, 4, 3]);
  };
}

/**
 * What is seen of images (look.ts), as it is painted; beyond the subject's matte nothing is.
 * pixels [N, n, 8], N/M views an image in a row, paint [..., 4, 3], M of them → [N, n, 8]
 */
export function painted(pixels: tf.Tensor, paint: tf.Tensor): tf.Tensor {
  const { N, n } = shape(pixels, ['N', 'n', '8'], { '8': 8 });
  const one = paint.reshape([-1, 4, 3]);
  const M = one.shape[0]!;
  const [column, four] = [tf.zeros([M, 4, 1]), tf.zeros([M, 4, 4])];
  const full = tf.concat([one, column, four], 2);
  const half = tf.concat([four, one, column], 2);
  const by = tf.concat([full, half], 1); // [M, 8, 8]
  const given = pixels.reshape([M, (N / M) * n, 8]);
  const within = tf.matMul(pixels.reshape([-1, 8]) as tf.Tensor2D, tf.tensor2d(matteEverywhere, [8, 8]));
  const change = tf.matMul(given, by).mul(within.reshape(given.shape));
  return given.add(change).reshape([N, n, 8]);
}

/** The matte in the place of each colour of its resolution, [8, 8]. */
const matteEverywhere = Float32Array.from({ length: 64 }, (_, i) => {
  const [from, to] = [Math.floor(i / 8), i % 8];
  return from % 4 === 3 && to % 4 < 3 && Math.floor(from / 4) === Math.floor(to / 4) ? 1 : 0;
});
