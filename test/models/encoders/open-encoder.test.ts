import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openEncoder } from '../../../src/models/encoders/open-encoder.js';
import type { Denoiser, RgbImage } from '../../../src/models/ports.js';
import { presets } from '../../../src/models/presets/presets.js';
import { createDenoiser } from '../../../src/models/servers/denoiser.js';
import { recipeOf } from '../../../src/models/training/loop/recipe.js';
import { train } from '../../../src/models/training/loop/train.js';
import { readWeights } from '../../../src/models/weights/safetensors.js';
import { patience } from '../../support/patience.js';
import { clip, image, members, writeShard } from '../training/shards.js';

// Real processes and real steps: slow where other work shares the cores.
vi.setConfig({ testTimeout: patience(400) });

const folder = join(import.meta.dirname, 'onnx', 'fixtures', 'encoder');
const [nano, frozen] = [presets.nano!, presets['nano-frozen']!];

afterAll(() => tf.removeBackend('wasm'));

describe('the encoder of a model', () => {
  test.each([
    ['none, where one is needed', [{ preset: frozen }], undefined, 'MODEL_UNKNOWN'],
    ['one, where none is needed', [{ preset: nano }], folder, 'USAGE'],
    ['one of other channels', [{ preset: presets['snap-500m']! }], folder, 'MODEL_UNKNOWN'],
    ['another than in training', [{ preset: frozen, encoder: '0'.repeat(64) }], folder, 'MODEL_UNKNOWN'],
    ['a folder without a model', [{ preset: frozen }], tmpdir(), 'WEIGHTS_NOT_FOUND'],
  ])('%s', async (_, models, place, code) => {
    await expect(openEncoder(models, place)).rejects.toMatchObject({ code });
  });

  test('is opened for whoever needs it, and for nobody else', async () => {
    expect(await openEncoder([{ preset: nano }], undefined)).toBeUndefined();
    const opened = await openEncoder([{ preset: nano }, { preset: frozen }], folder);
    expect(opened!.width).toBe(384);
    await opened!.close();
  });
});

describe('a model that reads prompts through one that sees images', () => {
  const seeing = join(import.meta.dirname, 'onnx', 'fixtures', 'multimodal');

  test('is trained and drawn with it; with one that reads the same words and sees nothing it does not start', async () => {
    const out = await mkdtemp(join(tmpdir(), 'vimi-seeing-'));
    const context = [{ caption: 'a dog', image: await image('#e01010') }];
    const shard = await writeShard(members({ key: 'm-0-1', caption: 'a dog moves', clip: { mp4: clip(8) }, context }));
    const stages = [{ share: 1, frames: 1, batch: 2, noise: { mean: 0, std: 1 }, selfCondition: 0 }];
    const { weights, probes } = await train({
      ...{ shards: [shard], heldOut: [shard], preset: 'nano-frozen', steps: 2, out, seed: 7, backend: 'wasm' },
      ...{ recipe: { ...recipeOf(frozen, 2), stages }, encoder: seeing },
    });
    expect(probes[0]!.right).toBeGreaterThan(0);
    const denoiser = await createDenoiser({ model: weights, encoder: seeing, backend: 'wasm' });
    try {
      const frames = await video(denoiser, 'a dog', { width: 4, height: 4, data: new Uint8Array(48).fill(200) });
      expect(frames).toHaveLength(32 * 32 * 3);
    } finally {
      await denoiser.close();
    }
    await expect(createDenoiser({ model: weights, encoder: folder, backend: 'wasm' })).rejects.toMatchObject({
      code: 'MODEL_UNKNOWN',
    });
    await rm(out, { recursive: true });
  });
});

describe('a model that reads words through it', () => {
  let out: string;
  let weights: string;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'vimi-frozen-'));
    const context = [{ caption: 'a dog', image: await image('#e01010') }];
    const shard = await writeShard(members({ key: 'm-0-1', caption: 'a dog moves', clip: { mp4: clip(8) }, context }));
    const recipe = recipeOf(frozen, 2);
    const stages = [{ share: 1, frames: 1, batch: 2, noise: { mean: 0, std: 1 }, selfCondition: 0 }];
    const result = await train({
      ...{ shards: [shard], heldOut: [shard], preset: 'nano-frozen', steps: 2, out, seed: 7, backend: 'wasm' },
      recipe: { ...recipe, stages },
      encoder: folder,
    });
    weights = result.weights;
    expect(result.probes[0]!.right).toBeGreaterThan(0);
  });
  afterAll(() => rm(out, { recursive: true }));

  test('is trained with it: the log is finite, and the weights name it', async () => {
    const opened = await openEncoder([{ preset: frozen }], folder);
    const { metadata } = await readWeights(weights);
    expect(metadata.encoder).toBe(opened!.sha256);
    expect(JSON.parse(metadata.card!).encoder).toBe(opened!.sha256);
    await opened!.close();
    const log = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
    const losses = log.map((line) => JSON.parse(line).loss).filter((loss) => loss !== undefined);
    expect(losses.map(Number.isFinite)).toEqual([true, true]);
  });

  test('makes videos with it in its process: the words decide, the same ones give the same', async () => {
    const denoiser = await createDenoiser({ model: weights, encoder: folder, backend: 'wasm' });
    try {
      const [one, again, other] = [
        await video(denoiser, 'a dog'),
        await video(denoiser, 'a dog'),
        await video(denoiser, 'a car'),
      ];
      expect(Buffer.compare(one, again)).toBe(0);
      expect(Buffer.compare(one, other)).not.toBe(0);
    } finally {
      await denoiser.close();
    }
  });

  test('does not start without it', async () => {
    await expect(createDenoiser({ model: weights, backend: 'wasm' })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
  });

  test('is not trained on samples that change what has been read', async () => {
    const recipe = { ...recipeOf(frozen), augment: { hideNames: 0, mirror: 0.5, colours: 0 } };
    const run = train({ shards: [], preset: 'nano-frozen', steps: 1, out, seed: 1, recipe, encoder: folder });
    await expect(run).rejects.toMatchObject({ code: 'USAGE' });
  });
});

const video = async (denoiser: Denoiser, text: string, pixels?: RgbImage) =>
  (
    await denoiser.generate(
      {
        prompt: {
          task: 'text-to-video',
          instruction: '',
          parts: [{ text }, ...(pixels ? [{ pixels, role: 'subject' as const }] : [])],
        },
        ...{ frames: 1, width: 32, height: 32, fps: 8, steps: 1, guidance: { text: 1, image: 1 }, seed: 5 },
      },
      { signal: new AbortController().signal },
    )
  ).video.data;
