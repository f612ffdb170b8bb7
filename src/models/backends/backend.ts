import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import { optionalPackage } from '../../core/optional-package.js';
import type { BackendName } from './names.js';
import { registerBatchMatMul } from './wasm-batch-matmul.js';
import { registerConvolutionFilterGradient } from './wasm-convolution-gradient.js';
import { registerLook } from './wasm-look.js';

/** What computes: a graphics processor, by CUDA's index, or the processor. */
export type Device = number | 'cpu';

export interface BackendOptions {
  /** That tensorflow may take; wasm runs on one. All when left out. */
  threads?: number;
  /** The one that is seen, however many there are. Only tensorflow knows graphics processors. */
  device?: Device;
}

/**
 * Makes a backend the current one and says which, in words for logs and descriptions. One backend a process.
 *
 * `auto`: tensorflow where it is set up, else wasm. `webgpu` (Dawn) has to be asked for: it needs a Vulkan, Metal or D3D12
 * driver, and results are read with `data()` alone. `cpu` is plain JavaScript, for comparison in tests.
 * BACKEND_UNAVAILABLE when the named one cannot be loaded, or does not have the device.
 */
export async function openBackend(name: BackendName = 'auto', options: BackendOptions = {}): Promise<string> {
  tf.enableProdMode(); // no advice on the console about kernels and installation
  if (name === 'auto') return openBackend(tensorflowPackage() ? 'tensorflow' : 'wasm', options);
  const { device } = options;
  try {
    if (name === 'tensorflow') return await openTensorflow(options);
    if (typeof device === 'number') throw noSuchDevice(name, device);
    if (name === 'webgpu') return await openWebgpu();
    if (name === 'wasm') return await openWasm();
    tf.setBackend('cpu');
    await tf.ready();
    return 'cpu (JavaScript)';
  } catch (cause) {
    if (cause instanceof VimiError) throw cause;
    throw new VimiError('BACKEND_UNAVAILABLE', `The ${name} backend cannot be loaded`, {
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/** The folder of @tensorflow/tfjs-node-gpu with its compiled binding, or null. */
export function tensorflowPackage(): string | null {
  const home = resolve(process.env.VIMI_TENSORFLOW ?? join('.cache', 'tensorflow'));
  const folders = [join(home, 'node_modules', '@tensorflow', 'tfjs-node-gpu')];
  try {
    folders.push(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json')));
  } catch {
    // Not among the dependencies: npm leaves it away where its install script fails.
  }
  return folders.find((folder) => existsSync(join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'))) ?? null;
}

async function openTensorflow({ threads = availableParallelism(), device }: BackendOptions): Promise<string> {
  const folder = tensorflowPackage();
  if (!folder) throw new Error('it is not set up; see infra/setup-tensorflow.mjs');
  // Removed from Node 23 on; the package still calls them.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  process.env.OMP_NUM_THREADS ??= String(threads);
  // TensorFlow takes the memory of every graphics processor that it sees. It reads this when it is loaded.
  if (device !== undefined) process.env.CUDA_VISIBLE_DEVICES = device === 'cpu' ? '-1' : String(device);
  // It brings its own copy of the tfjs core of the same version; both share one engine, which lies in the global scope.
  createRequire(import.meta.url)(folder);
  tf.setBackend('tensorflow');
  await tf.ready();
  const backend = tf.backend() as unknown as { binding?: { TF_Version: string }; isUsingGpuDevice?: boolean };
  if (typeof device === 'number' && !backend.isUsingGpuDevice) throw noSuchDevice('tensorflow', device);
  return `tensorflow ${backend.binding?.TF_Version ?? ''} (${backend.isUsingGpuDevice ? 'GPU' : 'CPU'})`;
}

const noSuchDevice = (name: string, device: number) =>
  new VimiError('BACKEND_UNAVAILABLE', `The ${name} backend finds no GPU ${device}`, {
    remedy: 'Use another device: cpu is always available.',
  });

async function openWasm(): Promise<string> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(main) + sep);
  registerBatchMatMul();
  registerConvolutionFilterGradient();
  registerLook();
  if (!(await tf.setBackend('wasm'))) throw whyNoWasm();
  await tf.ready();
  return `wasm (${(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? 'SIMD' : 'no SIMD'}, one thread)`;
}

/** What the types of Node leave out. */
declare const WebAssembly: { Memory: new (size: { initial: number }) => object };

/** The package prints its trouble and throws nothing. It is memory, when a small one of our own is refused as well. */
function whyNoWasm(): Error {
  try {
    new WebAssembly.Memory({ initial: 1 });
    return new Error('WebAssembly did not start');
  } catch {
    return new VimiError('OUT_OF_MEMORY', 'WebAssembly gets no memory', {
      expected: '16 GB of address space, most of it only reserved: see `ulimit -v`',
    });
  }
}

async function openWebgpu(): Promise<string> {
  const { create, globals } = await optionalPackage<Dawn>('webgpu');
  Object.assign(globalThis, globals);
  // A browser's way in, which the backend looks for when it is loaded.
  const navigator = { gpu: create([]), userAgent: 'node' };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  if (!(await navigator.gpu.requestAdapter()))
    throw new Error('no graphics driver gives an adapter; infra/swiftshader.mjs lends one in software');
  await optionalPackage('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('it did not start');
  await tf.ready();
  const { adapterInfo } = tf.backend() as unknown as { adapterInfo: { vendor: string; architecture: string } };
  return `webgpu (${adapterInfo.vendor} ${adapterInfo.architecture})`;
}

/** What is used of webgpu. */
interface Dawn {
  create(options: string[]): { requestAdapter(): Promise<unknown> };
  globals: object;
}
