import * as tf from '@tensorflow/tfjs';
import type { Edge, Operation } from './graph.js';
import { outputShapes } from './kernels.js';

/**
 * A backend of tfjs that computes nothing: each kernel says the shape of what it would give, and is written down. Tensors that
 * are made of numbers keep them.
 */
export class TracingBackend extends tf.KernelBackend {
  /** What was run since the list was last taken. */
  operations: Operation[] = [];
  /** Is told of each tensor that a kernel takes. */
  used: ((edge: Edge, info: tf.TensorInfo) => void) | undefined;
  readonly #edges = new WeakMap<object, Edge>();
  readonly #values = new WeakMap<object, tf.BackendValues>();
  #count = 0;

  /** The edge of a tensor, new where it was none. */
  edge({ dataId, shape }: { dataId: object; shape: readonly number[] }): Edge {
    const known = this.#edges.get(dataId);
    if (known && known.shape.join() === shape.join()) return known;
    const edge = { id: this.#count++, shape: [...shape] };
    this.#edges.set(dataId, edge);
    return edge;
  }

  /** A tensor that stands for numbers that are given later. */
  placeholder(shape: readonly number[]): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo({ dataId: {}, shape: [...shape], dtype: 'float32' }, this);
  }

  record(kernel: string, inputs: Record<string, tf.TensorInfo>, attributes: object): tf.TensorInfo | tf.TensorInfo[] {
    const given = Object.entries(inputs).map(([name, info]) => {
      const edge = this.edge(info);
      this.used?.(edge, info);
      return [name, edge] as const;
    });
    const shapes = outputShapes[kernel]!(Object.fromEntries(given), attributes as Record<string, unknown>);
    const outputs = shapes.map((shape): tf.TensorInfo => ({ dataId: {}, shape, dtype: 'float32' }));
    this.operations.push({
      ...{ kernel, inputs: Object.fromEntries(given), attributes: { ...attributes } },
      outputs: outputs.map((info) => this.edge(info)),
    });
    // A list is given by kernels that always give one.
    return kernel === 'SplitV' ? outputs : outputs[0]!;
  }

  /** Of a tensor that was made of numbers, here or on another backend. */
  valuesOf(dataId: object): ArrayLike<number> {
    return (this.#values.get(dataId) ?? tf.engine().readSync(dataId)) as ArrayLike<number>;
  }

  override write(values: tf.BackendValues): object {
    const dataId = {};
    this.#values.set(dataId, values);
    return dataId;
  }

  override move(dataId: object, values: tf.BackendValues): void {
    this.#values.set(dataId, values);
  }

  override readSync(dataId: object): tf.BackendValues {
    const values = this.#values.get(dataId);
    if (!values) throw new Error('what a traced network gives has no numbers yet');
    return values;
  }

  override async read(dataId: object): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  // Memory is the garbage collector's: nothing outlives a trace but the weights.
  override incRef(): void {}
  override refCount = () => 1;
  override disposeData = () => true;
  override numDataIds = () => 0;
  override memory = () => ({ unreliable: true });
  override floatPrecision = (): 32 => 32;
  override dispose(): void {}
}

const name = 'graph';

/** The one of this process, made the current backend. */
export function useTracing(): TracingBackend {
  if (!tf.findBackend(name)) {
    for (const kernelName of Object.keys(outputShapes))
      tf.registerKernel({
        ...{ kernelName, backendName: name },
        kernelFunc: ({ inputs, attrs, backend }) =>
          (backend as TracingBackend).record(kernelName, inputs as Record<string, tf.TensorInfo>, attrs ?? {}),
      });
    tf.registerBackend(name, () => new TracingBackend());
  }
  tf.setBackend(name);
  return tf.backend() as TracingBackend;
}
