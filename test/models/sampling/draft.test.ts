import { beforeAll, expect, it } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { buildModel } from '../../../src/models/networks/model.js';
import type { GenerateInput, RgbImage } from '../../../src/models/ports.js';
import { generate } from '../../../src/models/sampling/generate.js';
import { randomWeights, tiny } from '../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});

const input: GenerateInput = {
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox' }] },
  ...{ frames: 2, width: 8, height: 8, fps: 8, steps: 6, seed: 1, guidance: { text: 3, image: 3 } },
};

function draw(change: Partial<GenerateInput>, onEstimate?: (draw: () => RgbImage) => void) {
  const model = buildModel({ ...tiny, defaults: { ...tiny.defaults, method: 'multistep' } });
  const loaded = { model, weights: randomWeights(model.specs), sha256: 'tiny' };
  let [told, last] = [0, 0];
  const { signal } = new AbortController();
  const counted = { onStep: () => told++, onLast: () => last++ };
  return generate(loaded, { ...input, ...change }, { signal, onEstimate, ...counted }).then((video) => ({
    ...{ video, told, last },
  }));
}

it('a draft is what the whole video of its seed looks like after as many steps', async () => {
  const seen: RgbImage[] = [];
  const whole = await draw({}, (estimate) => seen.push(estimate()));
  expect(whole).toMatchObject({ told: 6, last: 1 });
  for (const draft of [1, 4]) {
    const { video, told, last } = await draw({ draft });
    expect([told, last]).toEqual([draft, 1]);
    const size = 8 * 8 * 3;
    expect(Buffer.from(video.data.subarray(size, 2 * size))).toEqual(Buffer.from(seen[draft - 1]!.data));
    expect(Buffer.from(video.data)).not.toEqual(Buffer.from(whole.video.data));
  }
});

it('a draft of as many steps as the video has is the video', async () => {
  const [{ video }, whole] = [await draw({ draft: 6 }), await draw({})];
  expect(Buffer.from(video.data)).toEqual(Buffer.from(whole.video.data));
});
