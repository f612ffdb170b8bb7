import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/**
 * Matrix products for the wasm backend, over its own kernel.
 *
 * The backend multiplies two plain matrices with XNNPACK (20-29 GFLOP/s on one core), but a transposed operand or more
 * than one batch entry falls into a slow loop (1-2 GFLOP/s). Here a transposed operand is laid out anew first, and each
 * batch entry is one call of the fast path, on views into the wasm heap: nothing else is copied.
 */
export function registerBatchMatMul(): void {
  const original = tf.getKernel('BatchMatMul', 'wasm') as tf.KernelConfig & { [mended]?: true };
  if (original[mended]) return;
  let multiply: Multiply | undefined;
  const n = 'number';
  const replacement: tf.KernelConfig & { [mended]: true } = {
    kernelName: 'BatchMatMul',
    backendName: 'wasm',
    kernelFunc: ((args: KernelArguments) => {
      multiply ??= args.backend.wasm.cwrap('BatchMatMul', null, [n, 'array', n, n, 'array', n, n, n, n]);
      return batchMatMul(args, multiply);
    }) as unknown as KernelFunc,
    [mended]: true,
  };
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel(replacement);
}

const mended = Symbol('mended');

/** The parts of the backend that are used; it exports no types for them. */
export interface WasmBackend {
  wasm: {
    cwrap(name: string, result: null, parameters: string[]): Multiply;
    tfjs: { registerTensor(id: number, size: number, offset: number): void; disposeData(id: number): void };
  };
  dataIdNextNumber: number;
  dataIdMap: { get(dataId: object): { id: number; memoryOffset: number } };
  makeOutput(shape: number[], dtype: 'float32'): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Float32Array;
  disposeData(dataId: object): boolean;
}

type Multiply = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: number,
  transposeB: number,
  out: number,
) => void;

interface KernelArguments {
  inputs: { a: TensorInfo; b: TensorInfo };
  attrs: { transposeA: boolean; transposeB: boolean };
  backend: WasmBackend;
}

/** a [..., m, k] (or [..., k, m]) times b [..., k, n] (or [..., n, k]); leading dimensions broadcast. */
function batchMatMul({ inputs, attrs, backend }: KernelArguments, multiply: Multiply): TensorInfo {
  const a = plain(inputs.a, attrs.transposeA, backend);
  const b = plain(inputs.b, attrs.transposeB, backend);
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [kb, n] = b.shape.slice(-2) as [number, number];
  if (k !== kb) throw new Error(`matMul: inner sizes differ, ${k} and ${kb}`);
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const entries = size(outer);
  const [aEntries, bEntries] = [size(a.shape.slice(0, -2)), size(b.shape.slice(0, -2))];
  if ((aEntries !== 1 && aEntries !== entries) || (bEntries !== 1 && bEntries !== entries))
    throw new Error(`matMul: [${a.shape}] and [${b.shape}] broadcast in more than one dimension`);
  const out = backend.makeOutput([...outer, m, n], 'float32');
  const [aData, bData, outData] = [a, b, out].map((t) => backend.dataIdMap.get(t.dataId));
  const [aShape, bShape] = [bytes([1, m, k]), bytes([1, k, n])];
  // A matrix that stays the same over calls (a weight) keeps its id: XNNPACK packs it once.
  const views = new Map<number, number>();
  const view = (data: { id: number; memoryOffset: number }, all: number, entry: number, length: number) => {
    if (all === 1) return data.id;
    const id = backend.dataIdNextNumber++;
    backend.wasm.tfjs.registerTensor(id, length, data.memoryOffset + entry * length * 4);
    views.set(id, entry);
    return id;
  };
  for (let entry = 0; entry < entries; entry++) {
    const ids = [
      view(aData!, aEntries, entry, m * k),
      view(bData!, bEntries, entry, k * n),
      view(outData!, entries, entry, m * n),
    ] as const;
    multiply(ids[0], aShape, 3, ids[1], bShape, 3, 0, 0, ids[2]);
    for (const id of views.keys()) backend.wasm.tfjs.disposeData(id);
    views.clear();
  }
  if (a !== inputs.a) backend.disposeData(a.dataId);
  if (b !== inputs.b) backend.disposeData(b.dataId);
  return out;
}

/** The operand as it is, or laid out anew with its last two dimensions exchanged. */
function plain(info: TensorInfo, transposed: boolean, backend: WasmBackend): TensorInfo {
  if (!transposed) return info;
  const [rows, columns] = info.shape.slice(-2) as [number, number];
  const out = backend.makeOutput([...info.shape.slice(0, -2), columns, rows], 'float32');
  // Views only now: an allocation may move the heap.
  const from = backend.typedArrayFromHeap(info);
  const to = backend.typedArrayFromHeap(out);
  const block = 16; // a block of rows and columns stays in the cache
  for (let base = 0; base < from.length; base += rows * columns)
    for (let r0 = 0; r0 < rows; r0 += block)
      for (let c0 = 0; c0 < columns; c0 += block)
        for (let r = r0; r < Math.min(rows, r0 + block); r++)
          for (let c = c0; c < Math.min(columns, c0 + block); c++)
            to[base + c * rows + r] = from[base + r * columns + c]!;
  return out;
}

const size = (dimensions: number[]) => dimensions.reduce((product, d) => product * d, 1);
const bytes = (dimensions: number[]) => new Uint8Array(new Int32Array(dimensions).buffer);
