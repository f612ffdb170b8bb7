import * as tf from '@tensorflow/tfjs';
import { lookKernel, seen } from '../networks/extensions/look.js';

type Shape = readonly number[];
type Inputs = Readonly<Record<string, { shape: Shape }>>;
type Attributes = Readonly<Record<string, unknown>>;

const same = ({ x }: Inputs): number[][] => [[...x!.shape]];
const both = ({ a, b }: Inputs): number[][] => [
  tf.broadcast_util.assertAndGetBroadcastShape([...a!.shape], [...b!.shape]),
];
const reduced = ({ x }: Inputs, { axis, keepDims }: Attributes): number[][] => {
  const axes = axesOf(axis, x!.shape.length);
  const sides = x!.shape.map((side, i) => (axes.includes(i) ? (keepDims ? 1 : null) : side));
  return [sides.filter((side) => side !== null)];
};

/** An attribute that names dimensions, as tfjs means it: none is all. */
export const axesOf = (axis: unknown, rank: number): number[] =>
  tf.util.parseAxisParam((axis ?? undefined) as number[], Array(rank).fill(1));

export const sliceOf = (x: { shape: Shape }, { begin, size }: Attributes): { begin: number[]; size: number[] } => {
  const [from, count] = tf.slice_util.parseSliceParams(
    x as unknown as tf.Tensor,
    begin as number[],
    size as number | number[],
  );
  return { begin: from!, size: count! };
};

export const splitsOf = (x: { shape: Shape }, { numOrSizeSplits, axis }: Attributes): number[] =>
  tf.backend_util.prepareSplitSize(x as unknown as tf.Tensor, numOrSizeSplits as number | number[], axis as number);

export const convolutionOf = ({ x, filter }: Inputs, { strides, pad, dilations, dimRoundingMode }: Attributes) =>
  tf.backend_util.computeConv2DInfo(
    x!.shape as [number, number, number, number],
    filter!.shape as [number, number, number, number],
    strides as number,
    dilations as number,
    pad as 'same',
    dimRoundingMode as 'floor',
  );

/**
 * The closed list of kernels that a network may be made of to become a graph, each with the shapes that it gives. What each
 * is in an ONNX file, onnx/operations.ts says.
 */
export const outputShapes: Readonly<Record<string, (inputs: Inputs, attributes: Attributes) => number[][]>> = {
  ...{ Identity: same, Square: same, Rsqrt: same, Sqrt: same, Sigmoid: same, Neg: same, Exp: same },
  ...{ Log: same, Sin: same, Cos: same, ClipByValue: same },
  Softmax: ({ logits }) => [[...logits!.shape]],
  ...{ Add: both, Sub: both, Multiply: both, RealDiv: both },
  ...{ Mean: reduced, Sum: reduced },
  Reshape: ({ x }, { shape }) => [
    tf.util.inferFromImplicitShape(shape as number[], tf.util.sizeFromShape([...x!.shape])),
  ],
  Transpose: ({ x }, { perm }) => [(perm as number[]).map((i) => x!.shape[i]!)],
  Slice: ({ x }, attributes) => [sliceOf(x!, attributes).size],
  SplitV: ({ x }, attributes) =>
    splitsOf(x!, attributes).map((length) => x!.shape.with(axesOf(attributes.axis, x!.shape.length)[0]!, length)),
  Concat(inputs, { axis }) {
    const shapes = Object.values(inputs).map(({ shape }) => [...shape]);
    const [along] = axesOf(axis, shapes[0]!.length);
    return [tf.backend_util.computeOutShape(shapes, along!)];
  },
  PadV2: ({ x }, { paddings }) => [
    x!.shape.map((side, i) => side + (paddings as number[][])[i]![0]! + (paddings as number[][])[i]![1]!),
  ],
  BatchMatMul({ a, b }, { transposeA, transposeB }) {
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return [[...outer, a!.shape.at(transposeA ? -1 : -2)!, b!.shape.at(transposeB ? -2 : -1)!]];
  },
  Conv2D: (inputs, attributes) => [convolutionOf(inputs, attributes).outShape],
  [lookKernel]: ({ x }) => [[...x!.shape, seen]],
};
