import * as tf from '@tensorflow/tfjs';
import { shape } from '../../numerics/shape.js';
import { asScores, hiding, linear } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';

/**
 * What the words next to an image say of it: "a <image> moves left and a <image> grows" tells of each what the words behind it
 * tell, whatever else the prompt says. Attention by content mixes what is said of two subjects, and in thousands of steps
 * did not learn to keep it apart. Each head reads one word: the next, the one after it, and so on; how far it looks
 * besides is learned (not from the paper).
 *
 *   B prompts   K images   W words   D = 25 distances   C channels
 *
 * words [B, W, C], present [B, W], distance [B, K, W, D] of zeros and ones → what is added to each image's meaning, [B, K, C]
 */
export function wordsBeside(declare: Declaration, { C, D }: Record<'C' | 'D', number>) {
  const heads = looksAt.length;
  const learned = declare.add('distance', [D, heads], 0);
  // Silent at first.
  const out = linear(declare.at('out'), heads * C, C, { start: 0 });
  const own = Float32Array.from({ length: D * heads }, (_, i) =>
    Math.floor(i / heads) - (D - 1) / 2 === looksAt[i % heads] ? ownScore : 0,
  );
  return (w: Weights, words: tf.Tensor, present: tf.Tensor, distance: tf.Tensor): tf.Tensor => {
    const { B, K, W } = shape(distance, ['B', 'K', 'W', 'D'], { D });
    shape(words, ['B', 'W', 'C'], { B, W, C });
    const table = asScores(learned(w)).add(tf.tensor2d(own, [D, heads])) as tf.Tensor2D;
    const scores = tf
      .matMul(distance.reshape([-1, D]) as tf.Tensor2D, table)
      .reshape([B, K, W, heads])
      .transpose([0, 1, 3, 2])
      .add(hiding(present).reshape([B, 1, 1, W]));
    // No word is read where none stands.
    const shares = tf
      .softmax(tf.concat([scores, tf.ones([B, K, heads, 1]).mul(noneScore)], 3))
      .slice([0, 0, 0, 0], [B, K, heads, W]);
    const read = tf.matMul(shares.reshape([B, K * heads, W]), words); // [B, K * heads, C]
    return out(w, read.reshape([B, K, heads * C]));
  };
}

/** How far behind the image stands the word that each head reads first. */
const looksAt = [1, 2, 3, 4, 5, 6, -1, -2];
/** Of that word, and of no word, where all others have 0: e^6 is twenty times e^3, and that as much as twenty words. */
const [ownScore, noneScore] = [6, 3];
