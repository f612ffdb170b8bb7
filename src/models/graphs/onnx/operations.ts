import { lookKernel } from '../../networks/extensions/look.js';
import type { Edge, Operation } from '../graph.js';
import { axesOf, convolutionOf, sliceOf, splitsOf } from '../kernels.js';

/** Numbers that an ONNX node takes besides: 64-bit whole ones unless they are floats. */
export type Constant = { wholes: readonly number[] } | { floats: ArrayLike<number>; shape: readonly number[] };

export type Attribute = number | string | readonly number[];

/** Writes nodes of an ONNX graph. What they take and give are names. */
export interface Nodes {
  node(type: string, inputs: readonly string[], attributes?: Record<string, Attribute>): string;
  /** Of a node that gives several. */
  nodes(type: string, inputs: readonly string[], outputs: number, attributes?: Record<string, Attribute>): string[];
  constant(constant: Constant): string;
  /** An operation's inputs, by the kernel's name of them. */
  name(edge: Edge): string;
  /** The operation that gave an edge. */
  madeBy(edge: Edge): Operation | undefined;
  /** The numbers of a constant edge. */
  valuesOf(edge: Edge): ArrayLike<number> | undefined;
}

type Write = (operation: Operation, nodes: Nodes) => string[];

const unary =
  (type: string): Write =>
  ({ inputs: { x } }, { node, name }) => [node(type, [name(x!)])];
const binary =
  (type: string): Write =>
  ({ inputs: { a, b } }, { node, name }) => [node(type, [name(a!), name(b!)])];

/** Each kernel of the closed list as nodes of ONNX (opset 17), which has another order of dimensions for images. */
export const writeKernel: Readonly<Record<string, Write>> = {
  Identity: ({ inputs: { x } }, { name }) => [name(x!)],
  Square: ({ inputs: { x } }, { node, name, constant }) => [
    // As a power and not as a product: runtimes know a norm by it.
    node('Pow', [name(x!), constant({ floats: [2], shape: [] })]),
  ],
  Rsqrt: ({ inputs: { x } }, { node, name }) => [node('Reciprocal', [node('Sqrt', [name(x!)])])],
  ...{ Sqrt: unary('Sqrt'), Sigmoid: unary('Sigmoid'), Neg: unary('Neg'), Exp: unary('Exp') },
  ...{ Log: unary('Log'), Sin: unary('Sin'), Cos: unary('Cos') },
  ...{ Add: binary('Add'), Sub: binary('Sub'), RealDiv: binary('Div') },
  Multiply(operation, nodes) {
    const { node, name } = nodes;
    const [a, b] = [operation.inputs.a!, operation.inputs.b!];
    const { shape } = operation.outputs[0]!;
    for (const [x, other] of [
      [a, b],
      [b, a],
    ] as const) {
      // x / sqrt(y), which runtimes know as part of a norm.
      const made = nodes.madeBy(other);
      if (made?.kernel === 'Rsqrt') return [node('Div', [name(x), node('Sqrt', [name(made.inputs.x!)])])];
      // Ones repeat: see `repeat` in networks/layers.ts.
      const values = nodes.valuesOf(other);
      if (values && values.length > 1 && Array.prototype.every.call(values, (v) => v === 1))
        return [
          x.shape.join() === shape.join() ? name(x) : node('Expand', [name(x), nodes.constant({ wholes: shape })]),
        ];
    }
    return [node('Mul', [name(a), name(b)])];
  },
  ClipByValue: ({ inputs: { x }, attributes: { clipValueMin, clipValueMax } }, { node, name, constant }) => [
    node('Clip', [
      name(x!),
      ...[clipValueMin, clipValueMax].map((v) => constant({ floats: [v as number], shape: [] })),
    ]),
  ],
  Softmax: ({ inputs: { logits } }, { node, name }) => [node('Softmax', [name(logits!)], { axis: -1 })],
  Mean: ({ inputs: { x }, attributes: { axis, keepDims } }, { node, name }) => [
    node('ReduceMean', [name(x!)], { axes: axesOf(axis, x!.shape.length), keepdims: keepDims ? 1 : 0 }),
  ],
  Sum: ({ inputs: { x }, attributes: { axis, keepDims } }, { node, name, constant }) => [
    node('ReduceSum', [name(x!), constant({ wholes: axesOf(axis, x!.shape.length) })], { keepdims: keepDims ? 1 : 0 }),
  ],
  Reshape({ inputs: { x }, outputs: [out] }, nodes) {
    // Of several in a row the last says all.
    let from = x!;
    for (let made = nodes.madeBy(from); made?.kernel === 'Reshape'; made = nodes.madeBy(from)) from = made.inputs.x!;
    if (from.shape.join() === out!.shape.join()) return [nodes.name(from)];
    return [nodes.node('Reshape', [nodes.name(from), nodes.constant({ wholes: out!.shape })])];
  },
  Transpose: ({ inputs: { x }, attributes: { perm } }, { node, name }) => [
    node('Transpose', [name(x!)], { perm: perm as number[] }),
  ],
  Slice({ inputs: { x }, attributes }, { node, name, constant }) {
    const { begin, size } = sliceOf(x!, attributes);
    const axes = [...begin.keys()].filter((i) => size[i] !== x!.shape[i]);
    if (axes.length === 0) return [name(x!)];
    const [starts, ends] = [axes.map((i) => begin[i]!), axes.map((i) => begin[i]! + size[i]!)];
    return [node('Slice', [name(x!), ...[starts, ends, axes].map((wholes) => constant({ wholes }))])];
  },
  SplitV: ({ inputs: { x }, attributes, outputs }, { nodes, name, constant }) =>
    nodes('Split', [name(x!), constant({ wholes: splitsOf(x!, attributes) })], outputs.length, {
      axis: axesOf(attributes.axis, x!.shape.length)[0]!,
    }),
  Concat: ({ inputs, attributes: { axis } }, { node, name }) => {
    const edges = Object.values(inputs);
    return [node('Concat', edges.map(name), { axis: axesOf(axis, edges[0]!.shape.length)[0]! })];
  },
  PadV2({ inputs: { x }, attributes: { paddings, constantValue } }, { node, name, constant }) {
    const pairs = paddings as [number, number][];
    const wholes = [...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)];
    return [node('Pad', [name(x!), constant({ wholes }), constant({ floats: [constantValue as number], shape: [] })])];
  },
  BatchMatMul({ inputs: { a, b }, attributes: { transposeA, transposeB } }, { node, name }) {
    const turned = (edge: Edge, turn: unknown) => {
      if (!turn) return name(edge);
      const rank = edge.shape.length;
      return node('Transpose', [name(edge)], { perm: [...Array(rank - 2).keys(), rank - 1, rank - 2] });
    };
    return [node('MatMul', [turned(a!, transposeA), turned(b!, transposeB)])];
  },
  Conv2D({ inputs, attributes }, { node, name }) {
    const info = convolutionOf(inputs, attributes);
    const { top, left, bottom, right } = info.padInfo;
    const x = node('Transpose', [name(inputs.x!)], { perm: [0, 3, 1, 2] }); // [B, C, H, W]
    const filter = node('Transpose', [name(inputs.filter!)], { perm: [3, 2, 0, 1] }); // [D, C, h, w]
    const mixed = node('Conv', [x, filter], {
      kernel_shape: [info.filterHeight, info.filterWidth],
      strides: [info.strideHeight, info.strideWidth],
      dilations: [info.dilationHeight, info.dilationWidth],
      pads: [top, left, bottom, right],
    });
    return [node('Transpose', [mixed], { perm: [0, 2, 3, 1] })];
  },
  /** Beyond an image is white and 0: what is sampled is how far from that it is, with zeros beyond. */
  [lookKernel]({ inputs: { full, half, x, y }, outputs: [out] }, { node, name, constant }) {
    const [N, n] = x!.shape as [number, number];
    const M = full!.shape[0]!;
    const white = constant({ floats: [1, 1, 1, 0], shape: [4] });
    const along = [x!, y!].map((edge) => node('Reshape', [name(edge), constant({ wholes: [M, N / M, n, 1] })]));
    // From 0 ... 1 to -1 ... 1, edges and not middles of pixels.
    const twice = node('Mul', [node('Concat', along, { axis: 3 }), constant({ floats: [2], shape: [] })]);
    const grid = node('Sub', [twice, constant({ floats: [1], shape: [] })]);
    const levels = [full!, half!].map((images) => {
      const dark = node('Transpose', [node('Sub', [name(images), white])], { perm: [0, 3, 1, 2] });
      const sampled = node('GridSample', [dark, grid], {
        ...{ mode: 'bilinear', padding_mode: 'zeros', align_corners: 0 },
      });
      return node('Add', [node('Transpose', [sampled], { perm: [0, 2, 3, 1] }), white]);
    });
    const both = node('Concat', levels, { axis: 3 });
    return [node('Reshape', [both, constant({ wholes: out!.shape })])];
  },
};
