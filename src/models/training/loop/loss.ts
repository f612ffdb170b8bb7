import * as tf from '@tensorflow/tfjs';
import { lessonAt } from '../../diffusion/denoiser.js';
import type { Placed, Places } from '../../networks/extensions/placement.js';
import { constant } from '../../networks/layers.js';
import type { Model } from '../../networks/model.js';
import type { Weights } from '../../networks/parameters.js';
import { preconditioningOf } from '../../presets/presets.js';
import type { Batch } from '../data/batch.js';
import type { Recipe } from './recipe.js';

export interface Losses {
  /** What is minimised. */
  total: tf.Scalar;
  /** w |F - target|^2, the mean over pixels: for each entry, [B]. */
  diffusion: tf.Tensor1D;
}

/**
 * The loss of a batch: Snap Video's w |F - target|^2, and for clips whose subject is known the binary cross-entropy of
 * the layout (as planned and as drawn) with weight `layout`, and the distance of the images' places, with weight `placement`.
 */
export function lossOf(
  model: Model,
  w: Weights,
  batch: Batch,
  { layout, placement }: Pick<Recipe, 'layout' | 'placement'>,
): Losses {
  const { B, T, side, height = side, sigma } = batch;
  const full = [B, T, height, side, 3];
  const lesson = lessonAt(preconditioningOf(model.preset), sigma, {
    x: tf.tensor(batch.x, full),
    eps: tf.tensor(batch.eps, full),
  });

  const condition = model.encode(w, batch.prompts);
  const K = condition.images?.meaning.shape[1];
  const low = batch.low && {
    ...{ x: tf.tensor(batch.low.x, full), level: batch.low.level },
    places: K === undefined ? undefined : knownPlaces(batch, K),
  };
  const given = { x: lesson.input, sigma, frames: batch.frames, fps: batch.fps, condition, low };
  // Self-conditioning: the first pass only lends its latents; no gradient goes through it.
  const latents = batch.selfCondition ? constant(() => model.denoise(w, given).latents) : undefined;
  const { f, planned, drawn, placed } = model.denoise(w, { ...given, latents });

  const diffusion = f.sub(lesson.target).square().mean([1, 2, 3, 4]).mul(lesson.weight) as tf.Tensor1D;
  let total: tf.Tensor = diffusion.mean();
  if (planned && drawn && layout > 0) {
    const known = tf.tensor(
      batch.masks.map((mask) => (mask ? 1 : 0)),
      [B, 1, 1],
    );
    for (const [logits, name] of [
      [planned, 'cells'],
      [drawn, 'patches'],
    ] as const) {
      const cells = logits.shape[2]!;
      const flat = new Float32Array(B * T * cells);
      for (const [b, mask] of batch.masks.entries()) if (mask) flat.set(mask[name], b * T * cells);
      const goalMask = tf.tensor(flat, [B, T, cells]);
      // Cross-entropy from logits: softplus(l) - l * m, with softplus(l) = max(l, 0) + ln(1 + e^-|l|).
      const entropy = tf
        .relu(logits)
        .sub(logits.mul(goalMask))
        .add(tf.log(tf.exp(tf.neg(tf.abs(logits))).add(1)));
      total = total.add(entropy.mul(known).mean().mul(layout));
    }
  }
  if (placement > 0) for (const one of placed) total = total.add(placementLoss(one, batch).mul(placement));
  return { total: total.asScalar(), diffusion };
}

/** What counts as near, of the frame's width, of ln size, in radians: beyond it the loss grows linearly. */
const near = { place: 1 / 16, size: 1 / 4, turn: 1 / 2 };

/** The places that are known of K images an entry. */
function knownPlaces({ B, T, places }: Batch, K: number): Places {
  const known = new Float32Array(B * K * T);
  const pose = new Float32Array(known.length * 5);
  for (const [b, list] of places.entries())
    for (const [k, one] of list.slice(0, K).entries())
      if (one) {
        known.set(one.known, (b * K + k) * T);
        pose.set(one.pose, (b * K + k) * T * 5);
      }
  return { pose: tf.tensor(pose, [B, K, T, 5]), known: tf.tensor(known, [B, K, T]) };
}

/** Cross-entropy of the map, and distance of the pose, over the images and frames whose place is known. */
function placementLoss({ heat, pose }: Placed, batch: Batch): tf.Scalar {
  const [B, K, T, S] = heat.shape as [number, number, number, number];
  const wanted = knownPlaces(batch, K);
  const wantedHeat = new Float32Array(B * K * T * S);
  let count = 0;
  for (const [b, list] of batch.places.entries())
    for (const [k, one] of list.entries())
      if (one) {
        wantedHeat.set(one.heat, (b * K + k) * T * S);
        count += one.known.reduce((sum, v) => sum + v, 0);
      }
  const entropy = tf.tensor(wantedHeat, [B, K, T, S]).mul(tf.logSoftmax(heat)).sum().neg();
  const away = pose
    .sub(wanted.pose)
    .div(tf.tensor1d([near.place, near.place, near.size, near.turn, near.turn]))
    .square()
    .sum(3);
  const distance = away.add(1).sqrt().sub(1).mul(wanted.known).sum();
  return entropy.mul(0.3).add(distance).div(Math.max(1, count)) as tf.Scalar;
}
