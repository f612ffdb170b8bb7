import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../../core/errors.js';
import { imageRole } from '../../../events/prompt.js';
import type { Numbers } from '../../networks/numbers.js';
import { itemPlaces } from '../../networks/prompt-encoder.js';
import { followsPaths, type PromptItem, wordRows } from '../../networks/prompt-input.js';
import { Random } from '../../numerics/random.js';
import { preconditioningOf, sizeOfVideo } from '../../presets/presets.js';
import type { LoadedModel } from '../../weights/load-model.js';
import { serializeWeights } from '../../weights/safetensors.js';
import type { Graph } from '../graph.js';
import { denoise, encode, shapesOf } from '../networks.js';
import { modelFile, opset } from '../onnx/model-file.js';
import { meanings } from './meanings.js';
import { plainDenoisingGraph, plainPromptGraph } from './plain-inputs.js';
import { readme } from './readme.js';

/** What a network is given once, and what it gave for it here. */
interface Example {
  inputs: Record<string, Numbers>;
  outputs: Record<string, Numbers>;
}

/**
 * A trained model as files that other runtimes read, by name: two ONNX graphs that hold their weights, a manifest of what they
 * take and give, and an example with what tfjs gave for it, operation by operation. One video at a time, prompts of as many
 * words and images as the preset reads: what is not there is hidden by `present`. GRAPH_UNSUPPORTED for weights of 2 GB.
 */
export function exportModel(loaded: LoadedModel): Map<string, Uint8Array> {
  const { model, weights, sha256, words, metadata: said = {} } = loaded;
  const { preset, parameters } = model;
  if (4 * parameters > 2 ** 31 - 2 ** 24)
    throw new VimiError('GRAPH_UNSUPPORTED', 'The weights are too many for one ONNX file', {
      expected: 'at most 2 GB of single precision',
      found: `${parameters} parameters`,
    });
  const values = new Map([...weights].map(([name, tensor]) => [name, tensor.dataSync()]));
  const metadata = { model: preset.name, weights: sha256 };
  const prompt = promptExample(loaded);
  const denoising = denoisingExample(loaded, prompt.outputs);
  const networks = {
    prompt: { example: prompt, graph: plainPromptGraph(model, weights, shapesOf(prompt.inputs)) },
    denoise: { example: denoising, graph: plainDenoisingGraph(model, weights, shapesOf(denoising.inputs)) },
  };
  const files = new Map<string, Uint8Array>();
  const described: Record<string, object> = {};
  for (const [name, { example, graph }] of Object.entries(networks)) {
    const about = Object.fromEntries(portsOf(graph).map((port) => [port, meanings[port]!.what]));
    const file = modelFile(graph, values, { name: `${preset.name} ${name}`, metadata, about });
    files.set(`${name}.onnx`, file);
    files.set(
      `${name}.example.safetensors`,
      serializeWeights(new Map([...Object.entries(example.inputs), ...Object.entries(example.outputs)]), {
        dtype: 'F32',
      }),
    );
    const ports = (edges: Graph['inputs']) =>
      [...edges].map(([port, { shape }]) => ({ name: port, shape, ...meanings[port] }));
    described[name] = {
      ...{ file: `${name}.onnx`, sha256: createHash('sha256').update(file).digest('hex') },
      ...{ inputs: ports(graph.inputs), outputs: ports(graph.outputs), example: `${name}.example.safetensors` },
    };
  }
  const p = preconditioningOf(preset);
  const manifest = {
    ...{ format: 'vimi onnx 1', opset, model: preset.name, weights: sha256, parameters, networks: described },
    denoiser: {
      ...{ sigma_data: p.sd, sigma_in: p.si, noise: preset.noise },
      x: 'c_in * y, y the noisy video; c_in = 1 / sqrt(sigma_data^2 / sigma_in^2 + sigma^2)',
      clean:
        'c_skip * y + c_out * f; c_skip = sigma_in sigma_data^2 / (sigma_in sigma^2 + sigma_data^2), c_out = -sigma_in sigma sigma_data sqrt(sigma^2 + sigma_data^2) / (sigma_data^2 + sigma_in sigma^2)',
      next: 'multistep: y = clean / sigma_in + sigma of the next step * fresh noise; at the end clean is the video',
    },
    roles: imageRole.options,
    defaults: preset.defaults,
  };
  files.set('manifest.json', json(manifest));
  // How each word that the model knows is written into the input `words`.
  const rows = (word: string) => wordRows(word, preset.encoder.vocabulary);
  if (!preset.encoder.external)
    files.set('words.json', json(Object.fromEntries((words ?? []).map((word) => [word, rows(word)]))));
  if (said.card !== undefined) files.set('card.json', json(JSON.parse(said.card)));
  files.set('README.md', Buffer.from(readme(preset, said)));
  return files;
}

const json = (value: unknown) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
const portsOf = ({ inputs, outputs }: Graph) => [...inputs.keys(), ...outputs.keys()];

function promptExample({ model, weights, words: known = [] }: LoadedModel): Example {
  const { encoder } = model.preset;
  const { imageSide: side, external: E } = encoder;
  const random = new Random(1);
  const image = (k: number): PromptItem => ({ image: disc(side, k), role: 'reference' });
  const word = (n: number): PromptItem =>
    E ? { vector: random.normals(E), of: 'text' } : { word: known[(7 * n) % (known.length || 1)] ?? 'fox' };
  const images = Array.from({ length: encoder.images }, (_, k) => image(k));
  // Two words before each image; a quarter of the room for words stays empty.
  const rest = Math.floor(0.75 * encoder.words) - 2 * images.length;
  const points = model.preset.frames;
  // To and fro across the frame, a little below its middle.
  const path = Float32Array.from({ length: 2 * points }, (_, i) => (i % 2 === 1 ? 0.6 : 0.5 + 0.3 * Math.sin(i)));
  const follows = followsPaths(model.preset);
  const placed = [
    ...images.flatMap((one, k) => [word(2 * k), word(2 * k + 1), one]),
    ...Array.from({ length: rest }, (_, n) => word(n + 9)),
  ];
  const items: PromptItem[] = follows ? [...placed, { path }] : placed;
  const told = model.prompt.told([items], { words: encoder.words });
  const { order, distance, path: _, ...inputs } = told;
  const { places } = itemPlaces([placed], encoder.words, images.length);
  return {
    inputs: {
      ...{ ...inputs, places: { values: places, shape: [1, places.length] } },
      ...(follows && {
        path: { values: path, shape: [1, points, 2] },
        follows: { values: Float32Array.of(1), shape: [1] },
      }),
    },
    outputs: onCurrentBackend(told, (given) => encode(model, weights, given)),
  };
}

function denoisingExample({ model, weights }: LoadedModel, read: Record<string, Numbers>): Example {
  const { preset } = model;
  const { frames: T, latents: L } = preset;
  const { width: W, height: H } = sizeOfVideo(preset);
  const random = new Random(2);
  const some = (...shape: number[]): Numbers => ({ values: random.normals(shape.reduce((a, b) => a * b)), shape });
  const one = (...values: number[]): Numbers => ({ values: Float32Array.from(values), shape: [1, values.length] });
  const at = { sigma: [1.5], fps: [preset.defaults.fps], frames: [Array.from({ length: T }, (_, t) => t)] };
  const K = read.shown?.shape[1];
  const low = preset.low && {
    low: some(1, T, H, W, 3),
    ...(K && {
      pose: {
        values: Float32Array.from({ length: K * T * 5 }, (_, i) => [0.4, 0.6, -1, 0.8, 0.6][i % 5]!),
        shape: [1, K, T, 5],
      },
      known: { values: new Float32Array(K * T).fill(1), shape: [1, K, T] },
    }),
  };
  const shared = {
    ...{ ...read, x: some(1, T, H, W, 3), latents: some(1, L, preset.width) },
    ...{ carried: { values: Float32Array.of(1), shape: [1, 1, 1] }, ...low },
  };
  const level = preset.low && [preset.low.corruption.usual];
  const told = model.fit.told({ ...at, low: level && { level } });
  const flat = ({ values }: Numbers): Numbers => ({ values, shape: [values.length] });
  return {
    inputs: {
      ...shared,
      ...{ sigma: flat(one(...at.sigma)), fps: flat(one(...at.fps)), frames: one(...at.frames[0]!) },
      ...(level && { level: flat(one(...level)) }),
    },
    outputs: onCurrentBackend({ ...shared, ...told }, (given) => denoise(model, weights, given)),
  };
}

function onCurrentBackend(
  given: Record<string, Numbers>,
  network: (given: Record<string, tf.Tensor>) => Readonly<Record<string, tf.Tensor>>,
): Record<string, Numbers> {
  const made = tf.tidy(() =>
    network(
      Object.fromEntries(Object.entries(given).map(([name, { values, shape }]) => [name, tf.tensor(values, shape)])),
    ),
  );
  const numbers = Object.entries(made).map(([name, tensor]) => [
    name,
    { values: tensor.dataSync() as Float32Array, shape: tensor.shape },
  ]);
  tf.dispose(made);
  return Object.fromEntries(numbers);
}

/** A disc on white, of a colour of its own: -1 to 1. */
function disc(side: number, k: number): Float32Array {
  return Float32Array.from({ length: side * side * 3 }, (_, i) => {
    const [x, y] = [(Math.floor(i / 3) % side) - side / 2, Math.floor(i / 3 / side) - side / 2];
    return x * x + y * y < (side / 3) ** 2 ? Math.cos(1 + k + 2 * (i % 3)) : 1;
  });
}
