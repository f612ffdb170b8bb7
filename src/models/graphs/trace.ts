import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import type { Weights } from '../networks/parameters.js';
import { type Edge, type Graph, needed } from './graph.js';
import { useTracing } from './tracing-backend.js';

type Tensors = Readonly<Record<string, tf.Tensor>>;

/**
 * Runs a network once without computing anything, and gives what it did as a graph: `inputs` are shapes by name, `weights`
 * are edges by their names, and every other number that it uses is a constant of the graph. GRAPH_UNSUPPORTED when it
 * uses a kernel that is not on the list (kernels.ts).
 */
export function trace(
  inputs: Readonly<Record<string, readonly number[]>>,
  weights: Weights,
  network: (inputs: Tensors) => Tensors,
): Graph {
  const before = tf.engine().backendName;
  const backend = useTracing();
  backend.operations = [];
  tf.engine().startScope();
  try {
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, shape]) => [name, backend.placeholder(shape)] as const),
    );
    const edges = (tensors: Tensors) =>
      new Map(Object.entries(tensors).map(([name, tensor]) => [name, backend.edge(tensor)]));
    const ofInputs = edges(given);
    const ofWeights = new Map([...weights].map(([name, tensor]) => [name, backend.edge(tensor)]));
    const used = new Map<Edge, tf.TensorInfo>();
    backend.used = (edge, info) => used.set(edge, info);
    const ofOutputs = edges(network(given));
    const { operations } = backend;
    const made = new Set<Edge>([
      ...[...ofInputs.values(), ...ofWeights.values()],
      ...operations.flatMap(({ outputs }) => outputs),
    ]);
    const constants = new Map(
      [...used].flatMap(([edge, { dataId }]) => (made.has(edge) ? [] : [[edge, backend.valuesOf(dataId)] as const])),
    );
    return needed({ inputs: ofInputs, outputs: ofOutputs, operations, weights: ofWeights, constants });
  } catch (thrown) {
    const kernel = thrown instanceof Error && /kernel '(\w+)'/i.exec(thrown.message)?.[1];
    if (!kernel) throw thrown;
    throw new VimiError('GRAPH_UNSUPPORTED', 'This network cannot become a graph', {
      expected: 'the kernels of models/graphs/kernels.ts',
      found: kernel,
      cause: thrown,
    });
  } finally {
    tf.engine().endScope();
    backend.operations = [];
    backend.used = undefined;
    if (before) tf.setBackend(before);
  }
}
