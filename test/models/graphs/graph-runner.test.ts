import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { GraphRunner } from '../../../src/models/graphs/graph-runner.js';
import { buildModel } from '../../../src/models/networks/model.js';
import type { PromptItem } from '../../../src/models/networks/prompt-input.js';
import { nativeRuntime, webRuntime } from '../../../src/models/onnx-runtime.js';
import type { GenerateInput, ModelPrompt } from '../../../src/models/ports.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { byGraph } from '../../../src/models/sampling/by-graph.js';
import { byOperation } from '../../../src/models/sampling/by-operation.js';
import { generate } from '../../../src/models/sampling/generate.js';
import type { GuidedNetwork, GuidedVideo } from '../../../src/models/sampling/guided-network.js';
import { type LoadedModel, loadModel } from '../../../src/models/weights/load-model.js';
import { items, numbers, randomWeights, tiny, tinyUpsampler } from '../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});

const runtimes = { 'onnxruntime-web': webRuntime, 'onnxruntime-node': () => nativeRuntime(1) };
const installed = await nativeRuntime().then(
  () => true,
  () => false,
);

describe.each(Object.entries(runtimes))('%s and wasm agree', (name, open) => {
  const run = name === 'onnxruntime-web' || installed ? test : test.skip;
  const random = (preset: Preset): LoadedModel => {
    const model = buildModel(preset);
    return { model, weights: randomWeights(model.specs), sha256: preset.name };
  };

  /** Three steps; after each, how far the two are apart, as part of the greatest value. */
  async function apart(loaded: LoadedModel, video: GuidedVideo, branches: ('nothing' | 'text' | 'all')[][]) {
    const graphs = new GraphRunner(await open());
    const [a, b] = [byOperation(loaded, video), byGraph(loaded, graphs, video)];
    const worst: number[] = [];
    for (const [i, now] of branches.entries()) {
      const x = numbers(video.frames * video.width * video.height * 3, 60 + i);
      const step = (network: GuidedNetwork) => network.step(now, x, { sigma: 3 / (i + 1), places: true });
      const [wasm, graph] = [await step(a), await step(b)];
      expect(graph.f).toHaveLength(now.length);
      expect(graph.poses).toHaveLength(wasm.poses.length);
      let [most, scale] = [0, 1e-6];
      for (const [j, list] of [...wasm.f, ...wasm.poses].entries())
        for (const [k, v] of list.entries()) {
          const apart = Math.abs(v - [...graph.f, ...graph.poses][j]![k]!);
          if (!(apart <= most)) most = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
          scale = Math.max(scale, Math.abs(v));
        }
      worst.push(most / scale);
    }
    a.close();
    b.close();
    return Math.max(...worst);
  }

  const shape = { frames: 2, width: 8, height: 8, fps: 8 };
  const steps = [['nothing', 'text', 'all'], ['text', 'all'], ['all']] as ('nothing' | 'text' | 'all')[][];

  run('step by step, while branches of guidance fall away', async () => {
    const loaded = random(tiny);
    const before = tf.memory().numTensors;
    expect(await apart(loaded, { items, ...shape }, steps)).toBeLessThan(1e-4);
    expect(tf.memory().numTensors).toBe(before);
  });

  run('on prompts without images, and on none', async () => {
    const words: PromptItem[] = [{ word: 'sun' }, { word: 'rises' }];
    for (const list of [words, []])
      expect(await apart(random(tiny), { items: list, ...shape }, [['nothing', 'all'], ['all']])).toBeLessThan(1e-4);
  });

  run('on an upsampler that is told where an image is, or that it is nowhere', async () => {
    const pose = Float32Array.from({ length: 4 * 5 }, (_, i) => [0.4, 0.6, -0.5, 0.8, 0.6][i % 5]!);
    for (const poses of [[pose], [null]]) {
      const low = { x: numbers(4 * 16 * 16 * 3, 9), level: 0.2, poses };
      const video = { items, frames: 4, width: 16, height: 16, fps: 16, low };
      expect(await apart(random(tinyUpsampler), video, [['all'], ['all']])).toBeLessThan(1e-4);
    }
  });

  run("on nano's video, to the last colour step; and the same seed gives the same bytes", async () => {
    const loaded = await loadModel('nano');
    const disc = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => {
      const [x, y] = [(Math.floor(i / 3) % 64) - 32, Math.floor(i / 192) - 32];
      return x * x + y * y < 500 ? [200, 60, 30][i % 3]! : 255;
    });
    const prompt: ModelPrompt = {
      ...{ task: 'text-to-video', instruction: 'Generate a video with the retrieved text-image pair and the text.' },
      parts: [
        { text: 'a ball' },
        { pixels: { width: 64, height: 64, data: disc }, role: 'reference' },
        { text: 'a ball moves left on a blue background' },
      ],
    };
    const input: GenerateInput = {
      ...{ prompt, frames: 8, width: 32, height: 32, fps: 8, steps: 4, seed: 3, guidance: { text: 3, image: 3.5 } },
    };
    const { signal } = new AbortController();
    const video = async (graphs?: GraphRunner) => (await generate(loaded, input, { graphs, signal })).data;
    const first = await video(new GraphRunner(await open()));
    const graphs = new GraphRunner(await open());
    expect(Buffer.compare(await video(graphs), first)).toBe(0);
    expect(Buffer.compare(await video(graphs), first)).toBe(0);
    const wasm = await video();
    const far = first.reduce((sum, v, i) => sum + Math.abs(v - wasm[i]!), 0) / first.length;
    expect(far).toBeLessThan(0.05);
  });
});
