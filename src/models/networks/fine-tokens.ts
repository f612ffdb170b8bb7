import * as tf from '@tensorflow/tfjs';
import type { Preset } from '../presets.js';
import { shape } from '../shape.js';
import { feedForward, linear, neighbours, repeat } from './layers.js';
import type { Declaration, Weights } from './parameters.js';
import { gridPositions } from './positions.js';
import { coarsePatch, type FineTokens, hide, patches, repeatEach } from './prompt-encoder.js';

/**
 * Small pieces of the pictures, for patches to look at: pixels, what the coarse patch above them has come to mean, and
 * their neighbours.
 *
 *   B prompts   K pictures   n coarse tokens of each   M fine ones   C width   P patch width
 */
export function fineTokens(declare: Declaration, { encoder, width: C, patchWidth: P, ratio }: Preset) {
  const { pictureSide: side, finePatch = coarsePatch } = encoder;
  const [coarse, fineSide] = [side / coarsePatch, side / finePatch];
  const M = fineSide ** 2;
  const embed = linear(declare.at('fine'), finePatch ** 2 * 3, P);
  const meaning = linear(declare.at('meaning'), C, P, { start: 0.5 });
  const mix = neighbours(declare.at('mix'), P);
  const feed = feedForward(declare.at('feed'), P, ratio);
  const nothing = declare.add('nothing', [1, P], 0.5);
  const places = gridPositions(fineSide, fineSide, P);

  /** pixels [B, K, side, side, 3], tokens [B, K, n, C], present [B, K] */
  return (
    w: Weights,
    B: number,
    given: { pixels: tf.Tensor; tokens: tf.Tensor; present: tf.Tensor } | null,
  ): FineTokens => {
    const none = repeat(nothing(w).reshape([1, 1, P]), [B, 1, P]);
    const always = tf.ones([B, 1]);
    if (!given) return { tokens: none, bias: hide(always, 1) };
    const { K } = shape(given.present, ['B', 'K'], { B });
    const step = fineSide / coarse;
    const above = meaning(w, given.tokens).reshape([B * K * coarse, 1, coarse, 1, P]);
    const spread = repeat(above, [B * K * coarse, step, coarse, step, P]).reshape([B * K, M, P]);
    const seen = embed(w, patches(given.pixels.reshape([B * K, side, side, 3]), finePatch))
      .add(tf.tensor(places, [1, M, P]))
      .add(spread);
    const mixed = mix(w, seen.reshape([B * K, fineSide, fineSide, P]));
    const fine = feed(w, mixed.reshape([B * K, M, P])).reshape([B, K * M, P]);
    return {
      tokens: tf.concat([none, fine], 1),
      bias: hide(tf.concat([always, repeatEach(given.present, M)], 1), 1 + K * M),
    };
  };
}
