import * as tf from '@tensorflow/tfjs';
import { shape } from '../../numerics/shape.js';
import type { Preset } from '../../presets/preset.js';
import { linear } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';
import { timePositions } from '../positions.js';

/**
 * A movement that the prompt shows by a clip: each image goes the way of what moves in the clip, as far as the image's meaning says. The
 * clip's path is written as the places of patches are, so that a path on a patch and the patch itself are the same
 * vector; channel by channel it is learned how much of it counts. Words alone tell only movements that training has seen
 * (not from the paper).
 *
 *   B prompts   K images   F moments of the clip   T frames   P patch width   C width
 */
export function follow(declare: Declaration, { patchWidth: P, width: C }: Preset) {
  // Silent at first.
  const gate = linear(declare.at('gate'), C, P, { start: 0 });
  /** meaning [B, K, C], path [B, F, P] → where each image is wanted at each moment, [B, K, F, P] */
  return (w: Weights, meaning: tf.Tensor, path: tf.Tensor): tf.Tensor => {
    const { B, K } = shape(meaning, ['B', 'K', 'C'], { C });
    const { F } = shape(path, ['B', 'F', 'P'], { B, P });
    // Fourfold: what is learned in small steps is to reach logits that decide.
    return gate(w, meaning)
      .mul(4)
      .reshape([B, K, 1, P])
      .mul(path.reshape([B, 1, F, P]));
  };
}

/** What is wanted in each frame: wanted [B, K, F, P], when [B, T, P] as timePositions writes it → [B, K, T, P] */
export function atFrames(wanted: tf.Tensor, when: tf.Tensor): tf.Tensor {
  const { B, K, F, P } = shape(wanted, ['B', 'K', 'F', 'P']);
  const { T } = shape(when, ['B', 'T', 'P'], { B, P });
  const moments = tf.tensor(timePositions([...Array(F).keys()], P), [F, P]);
  // Of equal times the product is P / 2, of all others much less: the share of one moment is nearly all.
  const alike = tf.matMul(when.reshape([B * T, P]) as tf.Tensor2D, moments as tf.Tensor2D, false, true);
  const share = tf.softmax(alike.mul(4)).reshape([B, T, F]);
  const flat = wanted.transpose([0, 2, 1, 3]).reshape([B, F, K * P]);
  return tf.matMul(share, flat).reshape([B, T, K, P]).transpose([0, 2, 1, 3]);
}
