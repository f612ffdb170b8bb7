import { beforeAll, expect, it } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { buildModel } from '../../../src/models/networks/model.js';
import type { GenerateInput } from '../../../src/models/ports.js';
import { generate } from '../../../src/models/sampling/generate.js';
import { Rounds } from '../../../src/models/sampling/rounds.js';
import { StepReuse } from '../../../src/models/sampling/step-reuse.js';
import { randomWeights, tiny } from '../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});

it('adds up what evaluations would change, and makes one when it is enough', () => {
  const reuse = new StepReuse(0.25);
  const [first, second, third] = [
    [1, -1],
    [1.1, -1.1],
    [1.1, -1.1 - 0.22 * 5],
  ].map((v) => Float64Array.from(v));
  expect(reuse.standIn()).toBeUndefined();
  reuse.saw(first!);
  // One result says nothing of how it changes.
  expect(reuse.standIn()).toBeUndefined();
  reuse.saw(second!); // a change of 0.1
  expect(reuse.standIn()).toBe(second);
  expect(reuse.standIn()).toBe(second);
  expect(reuse.standIn()).toBeUndefined();
  reuse.saw(third!); // a change of 0.5
  expect(reuse.standIn()).toBeUndefined();
});

it('a threshold of 0 leaves nothing out, not even what would change nothing', () => {
  const reuse = new StepReuse(0);
  for (let n = 0; n < 3; n++) {
    reuse.saw(Float64Array.of(1, 2));
    expect(reuse.standIn()).toBeUndefined();
  }
});

const input: GenerateInput = {
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox' }] },
  ...{ frames: 2, width: 8, height: 8, fps: 8, steps: 12, seed: 1, guidance: { text: 3, image: 3 } },
};

/** Bytes of a video, the branches that each evaluation had, and the steps that were told. */
async function drawn(change: Partial<GenerateInput>) {
  const model = buildModel({ ...tiny, defaults: { ...tiny.defaults, method: 'multistep' } });
  const loaded = { model, weights: randomWeights(model.specs), sha256: 'tiny' };
  const seat = new Rounds().seat();
  const evaluations: number[] = [];
  let told = 0;
  const { data } = await generate(
    loaded,
    { ...input, ...change },
    {
      signal: new AbortController().signal,
      onStep: () => told++,
      seat: {
        ...{ leave: () => seat.leave(), rest: () => seat.rest() },
        ask(passes) {
          evaluations.push((passes[0]!.input as { branches: readonly unknown[] }).branches.length);
          return seat.ask(passes);
        },
      },
    },
  );
  return { data, evaluations, told };
}

it('fewer evaluations make a video of as many steps; without the option nothing changes', async () => {
  const [usual, zero, some, most] = [
    await drawn({}),
    await drawn({ reuse: 0 }),
    await drawn({ reuse: 0.5 }),
    await drawn({ reuse: 1 }),
  ];
  expect(usual.evaluations).toHaveLength(12);
  expect(Buffer.compare(usual.data, zero.data)).toBe(0);
  expect(some.evaluations.length).toBeLessThan(12);
  expect(most.evaluations.length).toBeLessThanOrEqual(some.evaluations.length);
  // The first two say how it changes, and the last is always made.
  expect(most.evaluations.length).toBeGreaterThanOrEqual(3);
  expect([some.told, most.told]).toEqual([12, 12]);
  expect(Buffer.compare(usual.data, most.data)).not.toBe(0);
});

it('guidance in an interval of noise levels: below it there is one branch, and at all levels it is as without', async () => {
  const [usual, all, late] = [
    await drawn({}),
    await drawn({ guided: { low: 0, high: 1000 } }),
    await drawn({ guided: { low: 1, high: 1000 } }),
  ];
  expect(Buffer.compare(usual.data, all.data)).toBe(0);
  expect(new Set(usual.evaluations)).toEqual(new Set([2]));
  expect(late.evaluations[0]).toBe(2);
  expect(late.evaluations.at(-1)).toBe(1);
});
