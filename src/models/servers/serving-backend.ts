import { existsSync } from 'node:fs';
import { VimiError } from '../../core/errors.js';
import { type Device, openBackend, tensorflowPackage } from '../backends/backend.js';
import type { ServingBackend } from '../backends/names.js';
import { GraphRunner } from '../graphs/graph-runner.js';
import { useTracing } from '../graphs/tracing-backend.js';
import { nativeRuntime, webRuntime } from '../onnx-runtime.js';

export interface Serving {
  /** In words, for logs and records. */
  description: string;
  /** Where networks are run as graphs. */
  graphs?: GraphRunner;
  /** Why it is not the one that was to be tried first, in one line. */
  note?: string;
}

export interface ServingOptions {
  threads?: number | undefined;
  /** Only tensorflow knows graphics processors. */
  device?: Device | undefined;
  /** Leave onnx out of `auto`, and why. */
  withoutOnnx?: string | undefined;
}

/**
 * Opens what a model is served on: names.ts says what `auto` means. PACKAGE_NOT_INSTALLED or BACKEND_UNAVAILABLE when a named
 * one cannot be opened; `auto` finds another, and says why.
 */
export async function openServing(name: ServingBackend, options: ServingOptions = {}): Promise<Serving> {
  const { threads, device, withoutOnnx } = options;
  const opened = { threads, ...(device !== undefined && { device }) };
  if (name === 'onnx') return withGraphs(await nativeGraphs(threads).catch(webGraphs));
  if (name !== 'auto') return { description: await openBackend(name, opened) };
  if (device !== 'cpu' && tensorflowPackage() && existsSync('/dev/nvidiactl'))
    return { description: await openBackend('tensorflow', opened) };
  let why = withoutOnnx;
  if (why === undefined)
    try {
      return withGraphs(await nativeGraphs(threads));
    } catch (thrown) {
      why = thrown instanceof VimiError && thrown.code === 'PACKAGE_NOT_INSTALLED' ? thrown.message : String(thrown);
    }
  const description = await openBackend('auto', { threads });
  return { description, note: `on ${description} and not on onnx: ${why.split('\n')[0]}` };
}

function withGraphs(graphs: GraphRunner): Serving {
  useTracing(); // weights stay plain numbers
  return { description: graphs.description, graphs };
}

const nativeGraphs = async (threads?: number) => working(new GraphRunner(await nativeRuntime(threads)));
const webGraphs = async () => working(new GraphRunner(await webRuntime()));

/** A package that was built for another machine shows it here, and not in the midst of a video. */
async function working(graphs: GraphRunner): Promise<GraphRunner> {
  const found = await graphs.runSum(2, 3);
  if (found !== 5)
    throw new VimiError('BACKEND_UNAVAILABLE', 'onnxruntime computes wrongly', {
      expected: '2 + 3 = 5',
      found: String(found),
    });
  return graphs;
}
