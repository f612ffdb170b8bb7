import { optionalPackage } from '../core/optional-package.js';

/** What is used of onnxruntime-node and onnxruntime-web, whichever of them it is. */
export interface OnnxRuntime {
  /** Which it is, for logs and records. */
  name: string;
  Tensor: new (type: string, data: unknown, dims: readonly number[]) => OnnxTensor;
  create(net: Uint8Array): Promise<OnnxSession>;
}

export interface OnnxTensor {
  data: ArrayLike<number> | ArrayLike<bigint>;
  dims: readonly number[];
}

export interface OnnxSession {
  inputMetadata: readonly { name: string; type?: string; shape?: readonly (number | string)[] }[];
  outputMetadata: OnnxSession['inputMetadata'];
  run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

/** Machine code on all processors, or on so many; PACKAGE_NOT_INSTALLED. Threads that wait sleep: others want the processor. */
export async function nativeRuntime(threads?: number): Promise<OnnxRuntime> {
  const runtime = await optionalPackage<Package>('onnxruntime-node');
  const version = runtime.env.versions?.node ?? '';
  return from(runtime, `onnxruntime-node ${version}, ${threads === undefined ? 'all threads' : count(threads)}`, {
    executionProviders: ['cpu'],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

/** WebAssembly on one thread: the same on every machine, and of no reach beyond it; PACKAGE_NOT_INSTALLED. */
export async function webRuntime(): Promise<OnnxRuntime> {
  const runtime = await optionalPackage<Package>('onnxruntime-web');
  runtime.env.wasm.numThreads = 1;
  const version = runtime.env.versions?.web ?? '';
  return from(runtime, `onnxruntime-web ${version}, one thread`, { executionProviders: ['wasm'] });
}

function from({ env, InferenceSession, Tensor }: Package, name: string, options: object): OnnxRuntime {
  env.logLevel = 'fatal';
  return { name, Tensor, create: (net) => InferenceSession.create(net, { ...options, logSeverityLevel: 4 }) };
}

const count = (threads: number) => (threads === 1 ? 'one thread' : `${threads} threads`);

interface Package {
  env: { logLevel: string; wasm: { numThreads: number }; versions?: { node?: string; web?: string } };
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  Tensor: OnnxRuntime['Tensor'];
}
