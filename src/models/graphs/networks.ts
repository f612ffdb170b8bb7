import type * as tf from '@tensorflow/tfjs';
import type { Model } from '../networks/model.js';
import type { Numbers } from '../networks/numbers.js';
import type { Weights } from '../networks/parameters.js';
import type { Condition } from '../networks/prompt-encoder.js';
import type { Graph } from './graph.js';
import { trace } from './trace.js';

/*
 * The two networks of a model as graphs. A graph takes and gives tensors by name; these are the names.
 */

export type Shapes = Readonly<Record<string, readonly number[]>>;

export const shapesOf = (numbers: Readonly<Record<string, Numbers>>): Shapes =>
  Object.fromEntries(Object.entries(numbers).map(([name, { shape }]) => [name, shape]));

type Tensors = Readonly<Record<string, tf.Tensor>>;

/** The names that a network says its input by (`told`) → tokens, bias, and of images images, meaning, shown, wanted. */
export function encode({ prompt }: Model, weights: Weights, given: Tensors): Tensors {
  const { tokens, bias, images } = prompt.network(weights, given);
  return {
    ...{ tokens, bias },
    ...(images && { images: images.pixels, meaning: images.meaning, shown: images.present }),
    ...(images?.wanted && { wanted: images.wanted }),
  };
}

/**
 * x, latents, carried, what `encode` gives, and what the network says of numbers (`told`); of an upsampler low and, where
 * images are laid, pose and known → f, carry (the latents of the next step), where the images were found,
 * placed, and how they were painted, paint.
 */
export function denoise({ fit, preset }: Model, weights: Weights, given: Tensors): Tensors {
  const { x, latents, carried, tokens, bias, images, meaning, shown, wanted, ...rest } = given;
  const { low, pose, known, ...told } = rest as Partial<Record<string, tf.Tensor>>;
  const condition: Condition = {
    ...{ tokens: tokens!, bias: bias! },
    ...(images && { images: { pixels: images, meaning: meaning!, present: shown!, ...(wanted && { wanted }) } }),
  };
  const result = fit.network(weights, {
    ...{ x: x!, latents: latents!, carried: carried!, condition, told: told as Tensors },
    ...(preset.low && { low: { x: low!, ...(pose && { places: { pose, known: known! } }) } }),
  });
  const placed = result.placed.at(-1)?.pose;
  const { f, latents: carry, paint } = result;
  return { f, carry, ...(placed && { placed }), ...(paint && { paint }) };
}

export const promptGraph = (model: Model, weights: Weights, inputs: Shapes): Graph =>
  trace(inputs, weights, (given) => encode(model, weights, given));

export const denoisingGraph = (model: Model, weights: Weights, inputs: Shapes): Graph =>
  trace(inputs, weights, (given) => denoise(model, weights, given));
