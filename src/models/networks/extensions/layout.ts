import * as tf from '@tensorflow/tfjs';
import { shape } from '../../numerics/shape.js';
import type { Preset } from '../../presets/preset.js';
import { linear, repeat, silu } from '../layers.js';
import type { Declaration, Weights } from '../parameters.js';
import { gridPositions } from '../positions.js';

/** Side of a cell of the layout in pixels. */
export const layoutCell = 4;

/**
 * Where the subject will be, from the prompt as a whole and the time: a query a frame, times the places of the cells. It has
 * a loss of its own: without that, words like "moves left" earn nearly nothing until word, frame and place are found
 * together. Not from the paper.
 *
 * summary [B, 1, C], when [B, T, P] → logits [B, T, cells] and what they add to the patch tokens [B, T, R * Q, P].
 */
export function layout(declare: Declaration, { side, patch, patchWidth: P, width: C }: Preset) {
  const cells = side / layoutCell;
  const step = layoutCell / patch;
  const places = gridPositions(cells, cells, P);
  const fromPrompt = linear(declare.at('prompt'), C, 2 * C);
  const fromTime = linear(declare.at('time'), P, 2 * C);
  const query = linear(declare.at('query'), 2 * C, P);
  const level = declare.add('level', [1], 0);
  const mark = declare.add('mark', [1, P], 0.5);
  return (w: Weights, summary: tf.Tensor, when: tf.Tensor) => {
    const { B, T } = shape(when, ['B', 'T', 'P'], { P });
    // A product, not a sum: which way the time moves the subject is what the prompt decides.
    const joint = silu(fromPrompt(w, summary).mul(fromTime(w, when))); // [B, T, 2C]
    const logits = tf
      .matMul(query(w, joint).reshape([B * T, P]) as tf.Tensor2D, tf.tensor2d(places, [cells * cells, P]), false, true)
      .add(level(w))
      .reshape([B, T, cells * cells]);
    const spread = repeat(logits.sigmoid().reshape([B * T * cells, 1, cells, 1]), [
      B * T * cells,
      step,
      cells,
      step,
    ]).reshape([B * T * (side / patch) ** 2, 1]);
    const marks = tf.matMul(spread as tf.Tensor2D, mark(w) as tf.Tensor2D).reshape([B, T, (side / patch) ** 2, P]);
    return { logits, marks };
  };
}
