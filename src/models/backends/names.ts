/**
 * What a model may be asked to run on. `onnx`: its networks as graphs, run by onnxruntime. `auto` is tensorflow where it is
 * set up on a machine with a graphics processor, else onnx where onnxruntime-node is installed, else tensorflow, else wasm.
 */
export const servingBackends = ['auto', 'onnx', 'tensorflow', 'webgpu', 'wasm'] as const;
export type ServingBackend = (typeof servingBackends)[number];

/** What it may be trained on. */
export const trainingBackends = ['tensorflow', 'wasm'] as const satisfies readonly ServingBackend[];

/** Those of tfjs. `cpu` is plain JavaScript, for comparison in tests. */
export type BackendName = Exclude<ServingBackend, 'onnx'> | 'cpu';
