import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { KnownReadings, Readings } from '../../../src/models/encoders/known-readings.js';
import { GraphRunner } from '../../../src/models/graphs/graph-runner.js';
import { buildModel } from '../../../src/models/networks/model.js';
import { nativeRuntime, webRuntime } from '../../../src/models/onnx-runtime.js';
import { generate } from '../../../src/models/sampling/generate.js';
import { randomWeights, tiny, tinyUpsampler } from '../networks/tiny.js';
import { inputs } from './drawn-at-once.js';

const native = await nativeRuntime(1).catch(() => undefined);
const backends = {
  wasm: async () => undefined,
  'onnxruntime-web': async () => new GraphRunner(await webRuntime()),
  ...(native && { 'onnxruntime-node': async () => new GraphRunner(native) }),
};

const random = (preset: typeof tiny) => {
  const model = buildModel(preset);
  return { model, weights: randomWeights(model.specs), sha256: preset.name };
};

beforeAll(async () => {
  await openBackend('wasm');
});

test.each(Object.entries(backends))(
  'on %s a prompt that comes again is not read again, and its video has the bytes that it has alone',
  async (_, open) => {
    const graphs = await open();
    const [loaded, upsampler] = [random(tiny), random(tinyUpsampler)];
    const known = new KnownReadings();
    const draw = async (seed: number, others = new KnownReadings()) => {
      const readings = new Readings(others);
      const { signal } = new AbortController();
      const { data } = await generate(loaded, { ...inputs[0]!, seed }, { upsampler, graphs, readings, signal });
      return { data, ...readings.counts };
    };
    const first = await draw(1, known);
    const kept = tf.memory().numTensors;
    const again = await draw(2, known);
    expect(tf.memory().numTensors).toBe(kept);
    const alone = await draw(2);
    expect(first.made).toBeGreaterThan(0);
    expect(again).toMatchObject({ made: 0, known: first.made + first.known });
    expect(alone).toMatchObject({ made: first.made, known: first.known });
    expect(Buffer.compare(again.data, alone.data)).toBe(0);
    expect(Buffer.compare(again.data, first.data)).not.toBe(0);
  },
);
