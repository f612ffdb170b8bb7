import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { atFrames, follow } from '../../../../src/models/networks/extensions/follow.js';
import { Declaration, startValues, weightTensors } from '../../../../src/models/networks/parameters.js';
import { gridPositions, placePositions, timePositions } from '../../../../src/models/networks/positions.js';
import { presetNamed } from '../../../../src/models/presets/presets.js';

const preset = presetNamed('nano');
const { patchWidth: P, width: C } = preset;
const [F, side] = [8, 16];
const declare = Declaration.root();
const following = follow(declare, preset);
const start = startValues(declare.specs, 5);
const open = new Map([...start, ['gate.bias', new Float32Array(P).fill(1)]]);

/** From the left edge to the right one and back, along the third row of patches. */
const places = Float32Array.from({ length: F * 2 }, (_, i) =>
  i % 2 === 1 ? 2.5 / side : [0, 4, 8, 12, 15, 11, 7, 3][i >> 1]! / side + 0.5 / side,
);
const path = tf.tensor(placePositions(places, P), [1, F, P]);
const meaning = tf.randomNormal([1, 1, C], 0, 1, 'float32', 3);

it('is silent before anything was learned, and where no clip is shown', () => {
  expect(following(weightTensors(declare.specs, start), meaning, path).abs().max().dataSync()[0]).toBe(0);
  expect(
    following(weightTensors(declare.specs, open), meaning, tf.zeros([1, F, P]))
      .abs()
      .max()
      .dataSync()[0],
  ).toBe(0);
});

it('wants an image where the clip has what moves, frame by frame, also of frames out of turn', () => {
  const wanted = following(weightTensors(declare.specs, open), meaning, path);
  for (const frames of [[0, 1, 2, 3, 4, 5, 6, 7], [5], [6, 2]]) {
    const when = tf.tensor(timePositions(frames, P), [1, frames.length, P]);
    const at = atFrames(wanted, when).reshape([frames.length, P]) as tf.Tensor2D;
    const logits = tf.matMul(at, tf.tensor2d(gridPositions(side, side, P), [side * side, P]), false, true);
    const most = [...logits.argMax(1).dataSync()];
    expect(most).toEqual(frames.map((t) => 2 * side + Math.floor(places[2 * t]! * side)));
  }
});
