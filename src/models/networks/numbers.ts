import * as tf from '@tensorflow/tfjs';

/** Numbers of a shape, row by row: what a network is given, before it is a tensor of some backend. */
export interface Numbers {
  values: Float32Array;
  shape: number[];
}

export const asTensors = (all: Readonly<Record<string, Numbers>>): Record<string, tf.Tensor> =>
  Object.fromEntries(Object.entries(all).map(([name, { values, shape }]) => [name, tf.tensor(values, shape)]));
