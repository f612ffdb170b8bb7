import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../errors.js';
import { registerBatchMatMul } from './wasm-batch-matmul.js';
import { registerConvolutionFilterGradient } from './wasm-convolution-gradient.js';

const backendNames = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

/**
 * Makes a backend the current one and says which, in words for logs and descriptions. One backend a process.
 *
 * `auto`: tensorflow where it is set up, else wasm. `webgpu` (Dawn) has to be asked for: it needs a Vulkan, Metal or D3D12
 * driver, and results are read with `data()` alone. `cpu` is plain JavaScript, for comparison in tests. `threads` bounds what
 * tensorflow takes (wasm runs on one). BACKEND_UNAVAILABLE when the named one cannot be loaded.
 */
export async function openBackend(
  name: BackendName = 'auto',
  { threads = availableParallelism() } = {},
): Promise<string> {
  tf.enableProdMode(); // no advice on the console about kernels and installation
  if (name === 'auto') return openBackend(tensorflowPackage() ? 'tensorflow' : 'wasm', { threads });
  try {
    if (name === 'tensorflow') return await openTensorflow(threads);
    if (name === 'webgpu') return await openWebgpu();
    if (name === 'wasm') return await openWasm();
    tf.setBackend('cpu');
    await tf.ready();
    return 'cpu (JavaScript)';
  } catch (cause) {
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

async function openTensorflow(threads: number): Promise<string> {
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
  // It brings its own copy of the tfjs core of the same version; both share one engine, which lies in the global scope.
  createRequire(import.meta.url)(folder);
  tf.setBackend('tensorflow');
  await tf.ready();
  const backend = tf.backend() as unknown as { binding?: { TF_Version: string }; isUsingGpuDevice?: boolean };
  return `tensorflow ${backend.binding?.TF_Version ?? ''} (${backend.isUsingGpuDevice ? 'GPU' : 'CPU'})`;
}

async function openWasm(): Promise<string> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(main) + sep);
  registerBatchMatMul();
  registerConvolutionFilterGradient();
  tf.setBackend('wasm');
  await tf.ready();
  if (tf.getBackend() !== 'wasm') throw new Error('WebAssembly did not start');
  return `wasm (${(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? 'SIMD' : 'no SIMD'}, one thread)`;
}

async function openWebgpu(): Promise<string> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // A browser's way in, which the backend looks for when it is loaded.
  const navigator = { gpu: create([]), userAgent: 'node' };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  if (!(await navigator.gpu.requestAdapter()))
    throw new Error('no graphics driver gives an adapter; infra/swiftshader.mjs lends one in software');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('it did not start');
  await tf.ready();
  const { adapterInfo } = tf.backend() as unknown as { adapterInfo: { vendor: string; architecture: string } };
  return `webgpu (${adapterInfo.vendor} ${adapterInfo.architecture})`;
}
