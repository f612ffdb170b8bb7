import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { GraphRunner } from '../../../src/models/graphs/graph-runner.js';
import { buildModel } from '../../../src/models/networks/model.js';
import { nativeRuntime, webRuntime } from '../../../src/models/onnx-runtime.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { type LoadedModel, loadModel } from '../../../src/models/weights/load-model.js';
import { randomWeights, tiny, tinyUpsampler } from '../networks/tiny.js';
import { drawnAtOnce, inputs, longest } from './drawn-at-once.js';

/*
 * What comes out of batches against the same videos alone. Bit for bit: wasm, onnxruntime-web, onnxruntime-node. tensorflow is held
 * in test/models/networks/tensorflow.test.ts.
 */
const isInstalled = await nativeRuntime().then(
  () => true,
  () => false,
);
const backends = {
  wasm: async () => undefined,
  'onnxruntime-web': async () => new GraphRunner(await webRuntime()),
  ...(isInstalled && { 'onnxruntime-node': async () => new GraphRunner(await nativeRuntime(2)) }),
};
const cascade = async () => ({ loaded: random(tiny), upsampler: random(tinyUpsampler) });
const nano = async () => ({ loaded: await loadModel('nano'), upsampler: undefined });

function random(preset: Preset): LoadedModel {
  const model = buildModel(preset);
  return { model, weights: randomWeights(model.specs), sha256: preset.name };
}

beforeAll(async () => {
  await openBackend('wasm');
});

// onnxruntime-web takes too long for nano here.
for (const [name, open] of Object.entries(backends))
  test.each(Object.entries(name === 'onnxruntime-web' ? { cascade } : { cascade, nano }))(
    `on ${name} each video of a batch has the bytes that it has alone: %s`,
    async (_, models) => {
      const graphs = await open();
      const loaded: { loaded: LoadedModel; upsampler: LoadedModel | undefined } = await models();
      const before = tf.memory().numTensors;
      const alone = await drawnAtOnce(loaded, { graphs, most: 1 });
      const together = await drawnAtOnce(loaded, { graphs, most: 4 });
      expect(alone.largest).toBe(1);
      expect(together.largest).toBeGreaterThanOrEqual(longest);
      for (const [n] of inputs.entries()) {
        // The one that is cancelled has no video.
        expect(together.videos[n] === undefined).toBe(alone.videos[n] === undefined);
        if (alone.videos[n])
          expect(Buffer.compare(together.videos[n]!.data, alone.videos[n]!.data), `video ${n}`).toBe(0);
      }
      expect(tf.memory().numTensors).toBe(before);
    },
  );
