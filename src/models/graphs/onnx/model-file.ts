import type { Edge, Graph, Operation } from '../graph.js';
import { type Attribute, type Constant, type Nodes, writeKernel } from './operations.js';
import { Message } from './protobuf.js';

/** The version of ONNX's operators that is written, and of its file format: read by onnxruntime since 1.11. */
export const opset = 17;
const irVersion = 8;
/** TensorProto.DataType. */
const [float32, int64] = [1, 7];

export interface ModelFacts {
  name: string;
  /** Texts about the model that stay with it. */
  metadata?: Readonly<Record<string, string>>;
  /** What an input or output is, by its name. */
  about?: Readonly<Record<string, string>>;
}

/**
 * A graph as an ONNX file that holds its weights (onnx.proto: ModelProto). At most 2 GB, as much as one message of Protocol
 * Buffers may be.
 */
export function modelFile(
  graph: Graph,
  weights: ReadonlyMap<string, ArrayLike<number>>,
  { name, metadata = {}, about = {} }: ModelFacts,
): Uint8Array {
  const written = new Message();
  const writer = new GraphWriter(graph, written);
  for (const operation of graph.operations) writer.write(operation);
  // An output is the name of an edge, which may be that of an input or be given twice.
  for (const [output, edge] of graph.outputs) writer.give(output, edge);
  written.text(2, name);
  for (const [weight, { shape }] of graph.weights)
    written.message(5, tensor(weight, shape, Float32Array.from(weights.get(weight)!)));
  writer.writeConstants();
  for (const [field, ports] of [
    [11, graph.inputs],
    [12, graph.outputs],
  ] as const)
    for (const [port, { shape }] of ports) written.message(field, valueInfo(port, shape, about[port]));
  const model = new Message()
    .whole(1, irVersion)
    .text(2, 'vimi')
    .message(7, written)
    .message(8, new Message().text(1, '').whole(2, opset));
  for (const [key, value] of Object.entries(metadata)) model.message(14, new Message().text(1, key).text(2, value));
  return model.finish();
}

class GraphWriter {
  readonly #names = new Map<Edge, string>();
  readonly #makers = new Map<Edge, Operation>();
  readonly #constants = new Map<string, { name: string; constant: Constant }>();
  #count = 0;

  readonly #graph: Graph;
  readonly #to: Message;
  constructor(graph: Graph, to: Message) {
    this.#graph = graph;
    this.#to = to;
    for (const [name, edge] of [...graph.inputs, ...graph.weights]) this.#names.set(edge, name);
    for (const operation of graph.operations) for (const edge of operation.outputs) this.#makers.set(edge, operation);
  }

  write(operation: Operation): void {
    const names = writeKernel[operation.kernel]!(operation, this.#nodes);
    for (const [i, edge] of operation.outputs.entries()) this.#names.set(edge, names[i]!);
  }

  give(output: string, edge: Edge): void {
    this.#node('Identity', [this.#nodes.name(edge)], [output], {});
  }

  writeConstants(): void {
    for (const { name, constant } of this.#constants.values())
      this.#to.message(
        5,
        'wholes' in constant
          ? tensor(name, [constant.wholes.length], BigInt64Array.from(constant.wholes, BigInt))
          : tensor(name, constant.shape, Float32Array.from(constant.floats)),
      );
  }

  readonly #nodes: Nodes = {
    node: (type, inputs, attributes) => this.#nodes.nodes(type, inputs, 1, attributes)[0]!,
    nodes: (type, inputs, outputs, attributes = {}) => {
      const names = Array.from({ length: outputs }, () => `${type.toLowerCase()}_${this.#count++}`);
      this.#node(type, inputs, names, attributes);
      return names;
    },
    constant: (constant) => {
      // The same numbers once.
      const key =
        'wholes' in constant
          ? `i ${constant.wholes}`
          : `f ${constant.shape} ${Buffer.from(Float32Array.from(constant.floats).buffer).toString('latin1')}`;
      const known = this.#constants.get(key) ?? { name: `constant_${this.#constants.size}`, constant };
      this.#constants.set(key, known);
      return known.name;
    },
    name: (edge) => {
      const known = this.#names.get(edge);
      if (known !== undefined) return known;
      const floats = this.#graph.constants.get(edge);
      if (!floats) throw new Error(`the graph has an edge from nowhere: ${edge.id}`);
      const name = this.#nodes.constant({ floats, shape: edge.shape });
      this.#names.set(edge, name);
      return name;
    },
    madeBy: (edge) => this.#makers.get(edge),
    valuesOf: (edge) => this.#graph.constants.get(edge),
  };

  /** NodeProto. */
  #node(type: string, inputs: readonly string[], outputs: readonly string[], attributes: Record<string, Attribute>) {
    const node = new Message();
    for (const name of inputs) node.text(1, name);
    for (const name of outputs) node.text(2, name);
    node.text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#to.message(1, node);
  }
}

/** AttributeProto: a whole number, a text or whole numbers. */
function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.whole(3, value).whole(20, 2);
  if (typeof value === 'string') return message.text(4, value).whole(20, 3);
  for (const one of value) message.whole(8, one);
  return message.whole(20, 7);
}

/** TensorProto with raw data, little endian. */
function tensor(name: string, shape: readonly number[], values: Float32Array | BigInt64Array): Message {
  return new Message()
    .wholes(1, shape)
    .whole(2, values instanceof Float32Array ? float32 : int64)
    .text(8, name)
    .bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

/** ValueInfoProto of a tensor of floats. */
function valueInfo(name: string, shape: readonly number[], about?: string): Message {
  const sides = new Message();
  for (const side of shape) sides.message(1, new Message().whole(1, side));
  const type = new Message().message(1, new Message().whole(1, float32).message(2, sides));
  const info = new Message().text(1, name).message(2, type);
  return about === undefined ? info : info.text(3, about);
}
