import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../../src/models/backends/backend.js';
import { buildModel, type Model } from '../../../../src/models/networks/model.js';
import type { PromptItem } from '../../../../src/models/networks/prompt-input.js';
import { Random } from '../../../../src/models/numerics/random.js';
import type { TrainingSample } from '../../../../src/models/training/data/samples.js';
import { evaluate } from '../../../../src/models/training/loop/evaluate.js';
import { tiny } from '../../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const samples: TrainingSample[] = ['moves left', 'moves up', 'stays still', 'moves down'].map((text, i) => ({
  ...{ key: `k${i}`, count: 2, fps: 8, contextCaptions: [] },
  frames: Uint8Array.from(new Random(i).normals(2 * 8 * 8 * 3), (v) => 128 + 40 * v),
  prompt: {
    ...{ task: 'text-to-video' as const, instruction: '' },
    parts: [
      { pixels: { width: 4, height: 4, data: new Uint8Array(48).fill(60 * i) }, role: 'reference' as const },
      { text },
    ],
  },
}));

test('tells each sample what the probe says, and divides by the clips that it counts', () => {
  const told: string[] = [];
  const model = buildModel(tiny);
  const spy: Model = {
    ...model,
    encode: (w, prompts) => {
      told.push(...prompts.map(describe));
      return model.encode(w, prompts);
    },
    // A network that answers 0 whatever it is told: all probes are then the same, over the clips that count.
    denoise: ((_: unknown, { x }: { x: tf.Tensor }) => ({
      f: tf.zerosLike(x),
      latents: tf.zeros([1]),
    })) as unknown as Model['denoise'],
  };
  const w = new Map(model.specs.map(({ name, shape }) => [name, tf.ones(shape)]));
  const [probe] = evaluate(spy, w, samples, { levels: [1], batch: 2 });
  expect(told.slice(0, 2)).toEqual(['#0 moves left', '#60 moves up']);
  expect(told.slice(2, 4)).toEqual(['#120 stays still', '#180 moves down']);
  expect(told.slice(4, 6)).toEqual(['#120 moves left', '#180 moves up']);
  expect(told.slice(6, 8)).toEqual(['#0 moves right', '#60 moves down']);
  expect(told.slice(8, 10)).toEqual(['', '']);
  expect(probe!.wrong).toBeCloseTo(probe!.right, 6);
  expect(probe!.nothing).toBeCloseTo(probe!.right, 6);
  expect(probe!.wrongWay).toBeCloseTo(probe!.rightWay, 6);
  expect(probe!.right).toBeGreaterThan(0);
});

const describe = (items: PromptItem[]) =>
  items
    .map((item) => {
      if ('word' in item) return String(item.word);
      return 'image' in item ? `#${Math.round((item.image[0]! + 1) * 127.5)}` : 'vector';
    })
    .join(' ');
