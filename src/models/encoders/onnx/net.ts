import { createHash } from 'node:crypto';
import { VimiError } from '../../../core/errors.js';
import { nativeRuntime, type OnnxRuntime, type OnnxSession, type OnnxTensor, webRuntime } from '../../onnx-runtime.js';
import { netFile } from './net-file.js';

/** What a net takes or gives: its kind of numbers, and its sides; a text where the net leaves a side open. */
export interface Port {
  name: string;
  type: string;
  shape: (number | string)[];
}

/** Numbers of a shape, row by row. */
export interface Numbers {
  values: ArrayLike<number>;
  shape: readonly number[];
}

/** A frozen net out of an ONNX file. */
export interface Net {
  file: string;
  /** Of the file. */
  sha256: string;
  inputs: readonly Port[];
  outputs: readonly Port[];
  /**
   * What the net gives for a value of each input. SHAPE_MISMATCH when it cannot be run on them, WEIGHTS_DAMAGED when it
   * gives numbers that are not finite.
   */
  run(inputs: Readonly<Record<string, Numbers>>): Promise<Record<string, { values: Float32Array; shape: number[] }>>;
  close(): Promise<void>;
}

/** An ONNX file cannot be larger: it is one message of Protocol Buffers. */
const mostBytes = 2 ** 31 - 1;
/** Of one result: a quarter of what WebAssembly's memory holds. */
const mostNumbers = 2 ** 28;

export interface NetOptions {
  /**
   * On onnxruntime-node where it is installed: on all processors, and beside the event loop. The last
   * digits then depend on the machine. Default false.
   */
  native?: boolean;
}

/**
 * Opens an ONNX file: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED. Without `native` it runs in WebAssembly, on
 * one thread: the same on every machine, and a net from a stranger reaches no file, no network, and at most 4 GB of
 * memory. Weights in files beside it are refused in either. What a net can do is take long: it is run to its end.
 */
export async function openNet(file: string, { native = false }: NetOptions = {}): Promise<Net> {
  const bytes = await netFile(file, mostBytes);
  const refused = (found: string, cause?: unknown) =>
    new VimiError('WEIGHTS_DAMAGED', 'This is not a net that can run', {
      expected: 'an ONNX file that holds its own weights',
      found,
      where: file,
      cause,
    });
  // The key under which a tensor names the file of its weights: a native runtime would open it.
  if (bytes.includes('\n\blocation')) throw refused('weights in another file');
  const runtime = await runtimeFor(native);
  const session = await runtime.create(bytes).catch((cause: unknown) => {
    throw refused(textOf(cause), cause);
  });
  const ports = (list: OnnxSession['inputMetadata']): Port[] =>
    list.map(({ name, type = 'none', shape = [] }) => ({ name, type, shape: [...shape] }));
  const inputs = ports(session.inputMetadata);
  const outputs = ports(session.outputMetadata);
  return {
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    inputs,
    outputs,
    async run(given) {
      const feeds: Record<string, OnnxTensor> = {};
      for (const port of inputs) {
        const value = given[port.name];
        const make = kinds[port.type];
        if (!value || !make || !fits(value, port))
          throw new VimiError('SHAPE_MISMATCH', `The net does not accept ${port.name}`, {
            expected: `${port.type} [${port.shape}]`,
            found: !make ? 'a number type that is not supported' : value && `[${value.shape}]`,
            where: file,
          });
        feeds[port.name] = new runtime.Tensor(port.type, make(value.values), value.shape);
      }
      const results = await session.run(feeds).catch((cause: unknown) => {
        throw new VimiError('SHAPE_MISMATCH', 'The net cannot be run', { found: textOf(cause), where: file, cause });
      });
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims }]) => {
          if (data.length > mostNumbers)
            throw new VimiError('SHAPE_MISMATCH', `The net returns too much in ${name}`, { where: file });
          const values = data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number);
          if (!values.every(Number.isFinite))
            throw new VimiError('WEIGHTS_DAMAGED', `${name} holds numbers that are not finite`, { where: file });
          return [name, { values, shape: [...dims] }];
        }),
      );
    },
    close: () => session.release(),
  };
}

/** How the kinds of numbers that are given to nets are held. */
const kinds: Record<string, (values: ArrayLike<number>) => unknown> = {
  float32: (values) => (values instanceof Float32Array ? values : Float32Array.from(values)),
  float64: (values) => Float64Array.from(values),
  int64: (values) => BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]!)),
  int32: (values) => Int32Array.from(values),
  uint8: (values) => Uint8Array.from(values),
};

function fits({ values, shape }: Numbers, port: Port): boolean {
  return (
    shape.length === port.shape.length &&
    shape.every((side, i) => typeof port.shape[i] === 'string' || port.shape[i] === side) &&
    values.length === shape.reduce((product, side) => product * side, 1)
  );
}

const textOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));

/** onnxruntime-node where it is wanted and installed, else onnxruntime-web. */
async function runtimeFor(native: boolean): Promise<OnnxRuntime> {
  const installed = native ? await nativeRuntime().catch(() => undefined) : undefined;
  return installed ?? webRuntime();
}
