import * as tf from '@tensorflow/tfjs';
import type { Preset } from '../../presets/preset.js';
import { feedForward, framesBeside, linear, neighbours, norm, silu } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';

/**
 * Patches look at their neighbours (3x3) and at the frames before and after; the noise level and the prompt as a whole scale
 * and shift what they read. Not from the paper, whose patches meet in the latents alone.
 *
 * u [B, S, P], summary [B, 1, C] → [B, S, P]
 */
export function localPath(declare: Declaration, { patchWidth: P, width: C, ratio }: Preset) {
  const modulate = linear(declare.at('modulate'), C, 2 * P, { start: 0.2 });
  const feed = feedForward(declare.at('feed-look'), P, ratio);
  const near = neighbours(declare.at('near'), P);
  const frameNorm = norm(declare.at('frame-norm'), P);
  const beside = framesBeside(declare.at('frames'), P);
  return (w: Weights, u: tf.Tensor, { B, T, R, Q }: Record<'B' | 'T' | 'R' | 'Q', number>, summary: tf.Tensor) => {
    const [scale, shift] = tf.split(modulate(w, silu(summary)), 2, 2) as [tf.Tensor, tf.Tensor]; // [B, 1, P]
    let v = u.add(u.mul(scale).add(shift));
    v = feed(w, v);
    v = near(w, v.reshape([B * T, R, Q, P]));
    const frames = v.reshape([B, T, R * Q, P]);
    return frames.add(beside(w, frameNorm(w, frames))).reshape([B, T * R * Q, P]);
  };
}
