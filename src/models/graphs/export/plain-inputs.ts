import * as tf from '@tensorflow/tfjs';
import type { Model } from '../../networks/model.js';
import type { Weights } from '../../networks/parameters.js';
import { placeRange, ranges, type Wavelengths, wavelengths } from '../../networks/positions.js';
import { coarsePatch, reach } from '../../networks/prompt-encoder.js';
import { conditionWidth, sizeOfVideo } from '../../presets/presets.js';
import type { Graph } from '../graph.js';
import { denoise, encode, type Shapes } from '../networks.js';
import { trace } from '../trace.js';

/*
 * The networks for others to run: what they are told as features elsewhere (`told` in networks/) is computed in the graph, from
 * the numbers themselves. Features are of single precision here, so the last digits differ.
 */

/** `places` [1, words + images] in place of order and distance, `path` [1, F, 2] as it is and `follows` [1]; the rest as networks/prompt-encoder.ts names it. */
export function plainPromptGraph(model: Model, weights: Weights, inputs: Shapes): Graph {
  const { encoder, low } = model.preset;
  const C = conditionWidth(model.preset);
  return trace(inputs, weights, ({ places, path, follows, ...others }) => {
    const given = path ? { ...others, path: placeWaves(path, model.preset.patchWidth).mul(follows!) } : others;
    const order = waves(places!.reshape([-1, 1]), C, ranges.place)
      .mul(0.5)
      .reshape([1, -1, C]);
    if (low || encoder.layers === 0) return encode(model, weights, { ...given, order });
    const words = inputs.words?.[1] ?? 0;
    const images = inputs.places![1]! - words;
    const each = (encoder.imageSide / coarsePatch) ** 2;
    const ofImages = tf.concat(
      Array.from({ length: images }, (_, k) => places!.slice([0, words + k], [1, 1]).mul(tf.ones([1, each]))),
      1,
    );
    const distance = distances(images > 0 ? tf.concat([places!.slice([0, 0], [1, words]), ofImages], 1) : places!);
    return encode(model, weights, { ...given, order, distance });
  });
}

/** sigma [1], fps [1], frames [1, T] and of an upsampler level [1] in place of features; the rest as graphs/networks.ts. */
export function plainDenoisingGraph(model: Model, weights: Weights, inputs: Shapes): Graph {
  const { width, height } = sizeOfVideo(model.preset);
  const feature = (number: tf.Tensor) => waves(number.reshape([-1, 1]), model.fit.features, ranges.number);
  const fixed = (pixels: number) => feature(tf.tensor1d([4 * Math.log2(pixels)]));
  return trace(inputs, weights, ({ sigma, fps, frames, level, ...given }) => {
    const P = model.preset.patchWidth;
    const told = {
      sigma: feature(sigma!.log().mul(4)),
      // One and no logarithm of a small sum: stills have no frames per second, and are told as many.
      fps: feature(tf.div(8, fps!).add(1).log().mul(8)),
      ...{ width: fixed(width), height: fixed(height) },
      ...(level && { corruption: feature(level.mul(16)) }),
      when: waves(frames!.reshape([-1, 1]), P, ranges.frame).reshape([1, -1, P]),
    };
    return denoise(model, weights, { ...given, ...told });
  });
}

/** positions.ts in tensors: [n, 1] → [n, C]. */
function waves(numbers: tf.Tensor, C: number, range: Wavelengths): tf.Tensor {
  const angles = numbers.mul(
    tf.tensor2d(
      wavelengths(C, range).map((length) => (2 * Math.PI) / length),
      [1, C / 2],
    ),
  );
  return tf.concat([angles.sin(), angles.cos()], 1);
}

/** placePositions of positions.ts in tensors: [1, n, 2] → [1, n, C]. */
function placeWaves(places: tf.Tensor, C: number): tf.Tensor {
  const n = places.shape[1]!;
  const along = (axis: number) => waves(places.slice([0, 0, axis], [1, n, 1]).reshape([n, 1]), C / 2, placeRange);
  return tf.concat([along(0), along(1)], 1).reshape([1, n, C]);
}

/** Of tokens at these places [1, n], after one that has none: how far each stands behind each, [(n + 1)^2, 25]. */
function distances(places: tf.Tensor): tf.Tensor {
  const n = places.shape[1]!;
  const kinds = 2 * reach + 1;
  const apart = places
    .reshape([1, n])
    .sub(places.reshape([n, 1]))
    .clipByValue(-reach, reach)
    .reshape([n, n, 1]);
  const kind = tf.tensor(
    Array.from({ length: kinds }, (_, i) => i - reach),
    [1, 1, kinds],
  );
  // 1 where they are the same whole number, 0 where not.
  const same = tf.sub(1, apart.sub(kind).square().clipByValue(0, 1));
  return tf
    .pad(same, [
      [1, 0],
      [1, 0],
      [0, 0],
    ])
    .reshape([(n + 1) ** 2, kinds]);
}
