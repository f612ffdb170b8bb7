import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { denoisingGraph, promptGraph, shapesOf } from '../../../src/models/graphs/networks.js';
import { modelFile } from '../../../src/models/graphs/onnx/model-file.js';
import { trace } from '../../../src/models/graphs/trace.js';
import { lookAt } from '../../../src/models/networks/extensions/look.js';
import { buildModel } from '../../../src/models/networks/model.js';
import { Declaration, startValues } from '../../../src/models/networks/parameters.js';
import type { PromptItem } from '../../../src/models/networks/prompt-input.js';
import { webRuntime } from '../../../src/models/onnx-runtime.js';
import { layerCases } from '../networks/layer-cases.js';
import { image, items, numbers, randomWeights, tiny, tinyUpsampler } from '../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** What a network gives on wasm, and as a graph in onnxruntime; inputs are by name. */
async function both(
  inputs: Record<string, { values: Float32Array; shape: number[] }>,
  weights: ReadonlyMap<string, tf.Tensor>,
  network: (given: Readonly<Record<string, tf.Tensor>>) => Record<string, tf.Tensor>,
) {
  const graph = trace(shapesOf(inputs), weights, network);
  const values = new Map([...weights].map(([name, tensor]) => [name, tensor.dataSync()]));
  const runtime = await webRuntime();
  const session = await runtime.create(modelFile(graph, values, { name: 'test' }));
  const feeds = Object.entries(inputs).map(([name, { values, shape }]) => [
    name,
    new runtime.Tensor('float32', values, shape),
  ]);
  const made = await session.run(Object.fromEntries(feeds));
  await session.release();
  const wasm = network(
    Object.fromEntries(Object.entries(inputs).map(([name, { values, shape }]) => [name, tf.tensor(values, shape)])),
  );
  return Object.entries(wasm).map(([name, tensor]) => ({
    shapes: [[...made[name]!.dims], tensor.shape],
    values: [made[name]!.data as Float32Array, tensor.dataSync() as Float32Array] as const,
  }));
}

function expectClose(results: Awaited<ReturnType<typeof both>>, tolerance = 1e-5) {
  expect(results).not.toHaveLength(0);
  for (const { shapes, values } of results) {
    expect(shapes[0]).toEqual(shapes[1]);
    const [graph, wasm] = values;
    const scale = Math.max(...wasm.map(Math.abs), 1e-6);
    for (const [i, v] of graph.entries()) expect(Math.abs(v - wasm[i]!)).toBeLessThanOrEqual(tolerance * scale);
  }
}

test.each(layerCases)('%s gives the same as a graph', async (_, shapes, build) => {
  const declare = Declaration.root();
  const layer = build(declare);
  const specs = declare.specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.3 } : spec));
  const start = startValues(specs, 1);
  const weights = new Map(specs.map(({ name, shape }) => [name, tf.tensor(start.get(name)!, shape)]));
  const inputs = Object.fromEntries(
    shapes.map((shape, i) => [`x${i}`, { values: numbers(size(shape), 20 + i), shape }]),
  );
  expectClose(
    await both(inputs, weights, (given) => ({ y: layer(weights, ...shapes.map((_, i) => given[`x${i}`]!)) })),
  );
});

test('every other operation of the list gives the same as a graph', async () => {
  const x = { values: numbers(2 * 3 * 4, 5), shape: [2, 3, 4] };
  const frames = { values: numbers(2 * 4 * 5 * 3, 6), shape: [2, 4, 5, 3] };
  const results = await both({ x, frames }, new Map(), ({ x, frames }) => ({
    powers: x!.square().add(0.5).sqrt().log().neg().exp(),
    waves: tf.concat([x!.sin(), x!.cos()], 2),
    parts: tf.concat(tf.split(x!, [1, 3], 2).reverse(), -1),
    some: x!
      .slice([0, 1], [-1, 2])
      .div(x!.square().sum([1], true).add(1))
      .clipByValue(-0.2, 0.3),
    all: x!.mean(),
    turned: tf
      .matMul(x!, x!, true, false)
      .add(tf.matMul(x!.transpose([0, 2, 1]), x!))
      .softmax(),
    padded: tf.pad4d(frames as tf.Tensor4D, [
      [0, 0],
      [1, 0],
      [0, 2],
      [0, 0],
    ]),
    over: tf.conv2d(frames as tf.Tensor4D, tf.tensor(numbers(3 * 3 * 2, 7), [3, 1, 3, 2]), 1, 'same'),
    given: x!.reshape([6, 4]).reshape([2, 3, 4]),
  }));
  expectClose(results);
});

test('what is seen in images is the same, also at their edges and far beyond', async () => {
  const side = 8;
  const images = { values: numbers(2 * side * side * 4, 8), shape: [2, side, side, 4] };
  const spots = [-9, -0.5, -0.06, -0.01, 0, 0.03, 0.37, 0.5, 0.98, 1, 1.02, 1.06, 1.2, 7];
  const xs = spots.flatMap((x) => spots.map(() => x));
  const ys = spots.flatMap(() => spots);
  const at = (list: number[]) => ({ values: Float32Array.from([...list, ...list]), shape: [2, list.length] });
  expectClose(
    await both({ images, x: at(xs), y: at(ys) }, new Map(), ({ images, x, y }) => ({ seen: lookAt(images!)(x!, y!) })),
    1e-4,
  );
});

test('an operation that is not on the list is named', () => {
  const sorted = () => trace({ x: [4] }, new Map(), ({ x }) => ({ y: tf.topk(x as tf.Tensor1D, 2).values }));
  expect(sorted).toThrow(expect.objectContaining({ code: 'GRAPH_UNSUPPORTED', found: 'TopK' }));
  expect(tf.getBackend()).toBe('wasm');
  const before = tf.memory().numTensors;
  expect(sorted).toThrow('cannot become a graph');
  expect(tf.memory().numTensors).toBe(before);
});

test('what no output depends on is left out, and numbers that stay the same are in the graph', () => {
  const graph = trace({ x: [2] }, new Map([['w', tf.tensor([1, 2])]]), ({ x }) => {
    x!.mul(tf.tensor([3, 4])).exp();
    return { y: x!.add(tf.tensor([5, 6])) };
  });
  expect(graph.operations.map(({ kernel }) => kernel)).toEqual(['Add']);
  expect([...graph.constants.values()].map((values) => Array.from(values))).toEqual([[5, 6]]);
  expect(graph.weights.size).toBe(0);
});

test.each([
  ['a model', tiny],
  ['an upsampler', tinyUpsampler],
] as const)('the graphs of %s do not depend on what is asked: noise, rate, frames, words, images', (_, preset) => {
  const model = buildModel(preset);
  const weights = randomWeights(model.specs);
  const values = new Map([...weights].map(([name, tensor]) => [name, tensor.dataSync()]));
  const { frames: T, side } = preset;
  const files = (asked: { items: PromptItem[]; sigma: number; fps: number; first: number; level: number }) => {
    const told = model.prompt.told([asked.items], { words: 8 });
    const prompt = promptGraph(model, weights, shapesOf(told));
    const frames = [Array.from({ length: T }, (_, t) => asked.first + t)];
    const low = preset.low && { level: [asked.level] };
    const denoising = denoisingGraph(model, weights, {
      ...shapesOf(model.fit.told({ sigma: [asked.sigma], fps: [asked.fps], frames, low })),
      ...Object.fromEntries([...prompt.outputs].map(([name, { shape }]) => [name, shape])),
      ...{ x: [1, T, side, side, 3], latents: [1, 8, 8], carried: [1, 1, 1] },
      ...(low && { low: [1, T, side, side, 3], pose: [1, 1, T, 5], known: [1, 1, T] }),
    });
    return [prompt, denoising].map((graph) => Buffer.from(modelFile(graph, values, { name: 'one' })));
  };
  const asked = { items, sigma: 0.3, fps: 8, first: 0, level: 0.1 };
  const others = [
    { sigma: 20 },
    { fps: 24 },
    { first: 5 },
    { level: 0.4 },
    { items: [{ word: 'sun' }, { word: null }, { image: image(7), role: 'subject' }] as PromptItem[] },
  ];
  const usual = files(asked);
  for (const other of others)
    for (const [i, file] of files({ ...asked, ...other }).entries()) expect(file.equals(usual[i]!)).toBe(true);
  // And they do depend on what they are: the weights, the number of images.
  expect(files({ ...asked, items: items.slice(0, 1) })[0]!.equals(usual[0]!)).toBe(false);
});
