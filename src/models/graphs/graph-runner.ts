import type { Model } from '../networks/model.js';
import type { Numbers } from '../networks/numbers.js';
import type { Weights } from '../networks/parameters.js';
import type { OnnxRuntime, OnnxSession } from '../onnx-runtime.js';
import { denoisingGraph, promptGraph, shapesOf } from './networks.js';
import { modelFile } from './onnx/model-file.js';
import { trace } from './trace.js';

const graphOf = { prompt: promptGraph, denoising: denoisingGraph };

/** Weights of all open sessions together: each has its own copy. */
const mostBytes = 2 ** 31;

/**
 * Runs the networks of models as graphs: a network is traced once for each set of shapes, and what onnxruntime made of it is
 * kept. The same numbers give the same numbers, however often, in whatever order.
 */
export class GraphRunner {
  readonly #runtime: OnnxRuntime;
  /** The one used last is the last. */
  readonly #sessions = new Map<string, { session: Promise<OnnxSession>; bytes: number }>();
  readonly #names = new WeakMap<Weights, string>();
  #models = 0;
  /** Runs one after the other: onnxruntime-web breaks when two are under way, and here they would share the processor anyway. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(runtime: OnnxRuntime) {
    this.#runtime = runtime;
  }

  get description(): string {
    return `onnx (${this.#runtime.name})`;
  }

  /** A graph of one operation, to see whether it works at all. */
  async runSum(a: number, b: number): Promise<number> {
    const graph = trace({ a: [1], b: [1] }, new Map(), (given) => ({ sum: given.a!.add(given.b!) }));
    const session = await this.#runtime.create(modelFile(graph, new Map(), { name: 'sum' }));
    const tensor = (value: number) => new this.#runtime.Tensor('float32', Float32Array.of(value), [1]);
    const { sum } = await session.run({ a: tensor(a), b: tensor(b) });
    await session.release();
    return Number(sum!.data[0]);
  }

  /** Whether a model is small enough: an ONNX file is one message, and its weights go with it. */
  canRun({ parameters }: Model): boolean {
    return 4 * parameters < mostBytes - 2 ** 24;
  }

  /** The inputs and outputs are those that networks.ts names. */
  async run(
    network: keyof typeof graphOf,
    { model, weights }: { model: Model; weights: Weights },
    inputs: Readonly<Record<string, Numbers>>,
  ): Promise<Record<string, Numbers>> {
    const session = await this.#session(network, model, weights, inputs);
    // What nothing depends on is no input of the session.
    const feeds = session.inputMetadata.map(({ name }) => {
      const { values, shape } = inputs[name]!;
      return [name, new this.#runtime.Tensor('float32', values, shape)] as const;
    });
    const running = this.#line.then(() => session.run(Object.fromEntries(feeds)));
    this.#line = running.catch(() => {});
    const results = await running;
    return Object.fromEntries(
      Object.entries(results).map(([name, { data, dims }]) => [
        name,
        { values: data as Float32Array, shape: [...dims] },
      ]),
    );
  }

  #session(network: keyof typeof graphOf, model: Model, weights: Weights, inputs: Readonly<Record<string, Numbers>>) {
    const shapes = shapesOf(inputs);
    if (!this.#names.has(weights)) this.#names.set(weights, String(this.#models++));
    const key = [network, this.#names.get(weights), JSON.stringify(shapes)].join(' ');
    const open = this.#sessions.get(key);
    if (open) {
      this.#sessions.delete(key);
      this.#sessions.set(key, open);
      return open.session;
    }
    const graph = graphOf[network](model, weights, shapes);
    const values = new Map([...graph.weights.keys()].map((name) => [name, weights.get(name)!.dataSync()]));
    const file = modelFile(graph, values, { name: `${model.preset.name} ${network}` });
    const session = this.#runtime.create(file);
    session.catch(() => this.#sessions.delete(key));
    this.#sessions.set(key, { session, bytes: file.length });
    this.#makeRoom();
    return session;
  }

  /** Closes what was not used for longest, until the rest is small enough; the newest stays. */
  #makeRoom(): void {
    let bytes = [...this.#sessions.values()].reduce((sum, one) => sum + one.bytes, 0);
    for (const [key, one] of this.#sessions) {
      if (bytes <= mostBytes || this.#sessions.size === 1) return;
      this.#sessions.delete(key);
      bytes -= one.bytes;
      one.session.then((session) => session.release()).catch(() => {});
    }
  }
}
