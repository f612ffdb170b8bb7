import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImageRole, imageRole } from '../../../src/events/prompt.js';
import { openBackend } from '../../../src/models/backends/backend.js';
import { patchGrid } from '../../../src/models/networks/fit.js';
import { buildModel } from '../../../src/models/networks/model.js';
import { countParameters } from '../../../src/models/networks/parameters.js';
import { type PromptItem, promptItems } from '../../../src/models/networks/prompt-input.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { presets } from '../../../src/models/presets/presets.js';
import { numbers, randomWeights, tiny } from '../networks/tiny.js';

describe('the sizes of Snap Video (Table 8)', () => {
  test.each([
    ['snap-500m', 500e6, 2560, 8, 64],
    ['snap-3.9b', 3.9e9, 2560, 8, 96],
    ['snap-upsampler', 3.9e9, 147_456, 32, 24],
  ])(
    '%s: its parameters within 3 %%, its tokens and groups, nothing allocated',
    (name, count, tokens, groups, each) => {
      const preset = presets[name]!;
      const before = { ...tf.memory(), arrays: process.memoryUsage().arrayBuffers };
      const model = buildModel(preset);
      expect(tf.memory().numBytes).toBe(before.numBytes);
      expect(process.memoryUsage().arrayBuffers - before.arrays).toBeLessThan(1e6);
      // The paper's network reads no images: what reads them is ours, and is not what makes it as large as the paper says.
      const ours = model.specs.filter((spec) => /^prompt\.(roles|coarse\.)/.test(spec.name));
      expect(countParameters(ours)).toBe((4 + 8 * 8 * 3 + 1) * 1024);
      expect(Math.abs((model.parameters - countParameters(ours)) / count - 1)).toBeLessThan(0.03);

      const [rows, columns] = patchGrid(preset);
      expect(preset.frames * rows * columns).toBe(tokens);
      const G = (rows / preset.group.rows) * (columns / preset.group.columns);
      expect(G).toBe(groups);
      expect(preset.latents / G).toBe(each);
      expect(model.specs.find(({ name: spec }) => spec === 'fit.latents')!.shape).toEqual([
        preset.latents,
        preset.width,
      ]);
    },
  );

  test('have no encoder of their own, and say so', () => {
    const prompt = { task: 'text-to-video' as const, instruction: '', parts: [] };
    expect(() => promptItems(prompt, presets['snap-500m']!)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
    );
  });
});

describe('the same in the small', () => {
  beforeAll(async () => {
    await openBackend('wasm');
  });
  afterAll(() => tf.removeBackend('wasm'));

  // Not square, with a row of groups that the pixels do not fill; conditioning and reading in widths of their own.
  const preset: Preset = {
    ...tiny,
    ...{ name: 'small-snap', side: 16, height: 6, local: false, heads: 2 },
    ...{ width: 16, patchWidth: 8, readWidth: 8, conditionWidth: 4 },
    encoder: { ...tiny.encoder, layers: 0, external: 6 },
  };
  const model = buildModel(preset);
  const w = randomWeights(model.specs);
  const vector = (seed: number, of: 'text' | 'subject' = 'text'): PromptItem => ({ vector: numbers(6, seed), of });
  const run = (
    items: PromptItem[][],
    x = tf.tensor(numbers(items.length * 2 * 6 * 16 * 3), [items.length, 2, 6, 16, 3]),
  ) =>
    model.denoise(w, {
      x,
      sigma: items.map(() => 1),
      frames: items.map(() => [0, 1]),
      fps: items.map(() => 24),
      condition: model.encode(w, items),
    }).f;

  test('pads to whole groups, and gives the shape that came in', () => {
    expect(patchGrid(preset)).toEqual([4, 8]);
    const f = run([[vector(1)]]);
    expect(f.shape).toEqual([1, 2, 6, 16, 3]);
    // Every pixel counts, the last row and column too.
    const x = numbers(2 * 6 * 16 * 3);
    const changed = x.slice();
    changed[changed.length - 1]! += 1;
    const [a, b] = [x, changed].map((values) => run([[vector(1)]], tf.tensor(values, [1, 2, 6, 16, 3])).dataSync());
    expect(Math.max(...a!.map((v, i) => Math.abs(v - b![i]!)))).toBeGreaterThan(1e-5);
  });

  test('reads the tokens of an outside encoder; a longer neighbour in the batch changes nothing', () => {
    const [one, other] = [[vector(1), vector(2)], [vector(3)]];
    const alone = [...run([one]).dataSync()];
    const first = (f: tf.Tensor) => [...f.slice([0, 0, 0, 0, 0], [1, -1, -1, -1, -1]).dataSync()];
    const x = numbers(2 * 6 * 16 * 3);
    const twice = tf.tensor([...x, ...x], [2, 2, 6, 16, 3]);
    for (const [i, v] of first(run([one, [...one, vector(9)]], twice)).entries()) expect(v).toBeCloseTo(alone[i]!, 5);
    for (const items of [other, [], [vector(2), vector(2)]]) {
      const found = run([items]).dataSync();
      expect(Math.max(...alone.map((v, i) => Math.abs(v - found[i]!)))).toBeGreaterThan(1e-5);
    }
    expect(() => model.encode(w, [[{ vector: numbers(5), of: 'text' }]])).toThrow(
      expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
    );
  });

  const image = (seed: number, role: ImageRole): PromptItem => ({
    image: numbers(preset.encoder.imageSide ** 2 * 3, seed),
    role,
  });

  test('[kind 13] sees an image: what it shows, what it is for and where it stands decide what comes out', () => {
    const words = [vector(1), vector(2)];
    const seen = [
      words,
      ...imageRole.options.map((role) => [...words, image(5, role)]),
      [...words, image(6, 'subject')],
      [image(5, 'subject'), ...words],
      [...words, image(5, 'subject'), image(6, 'background')],
    ].map((items) => run([items]).dataSync());
    for (const [i, one] of seen.entries())
      for (const other of seen.slice(i + 1))
        expect(Math.max(...one.map((v, k) => Math.abs(v - other[k]!)))).toBeGreaterThan(1e-5);
  });

  test('every parameter has a gradient but those of what carries over', () => {
    const { grads } = tf.tidy(() =>
      tf.engine().gradients(
        () =>
          run([[vector(1)], [vector(2), image(3, 'background')]])
            .square()
            .sum()
            .asScalar(),
        [...w.values()],
        undefined,
        true,
      ),
    );
    const silent = model.specs.filter((_, i) => !grads[i]).map(({ name }) => name);
    expect(silent.every((name) => name.startsWith('fit.carry'))).toBe(true);
  });
});
