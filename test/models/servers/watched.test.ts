import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import type { GenerateInput } from '../../../src/models/ports.js';
import { createFakeDenoiser } from '../../../src/models/servers/fake-denoiser.js';
import { WatchedDenoiser } from '../../../src/models/servers/watched.js';

const { signal } = new AbortController();
const input: GenerateInput = {
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox' }] },
  ...{ frames: 1, width: 8, height: 8, fps: 8, steps: 1, guidance: { text: 1, image: 1 }, seed: 1 },
};

/** A model whose videos wait for the test. */
function held() {
  const fake = createFakeDenoiser();
  const ends: (() => void)[] = [];
  return {
    ...fake,
    async generate(...args: Parameters<typeof fake.generate>) {
      await new Promise<void>((resolve) => ends.push(resolve));
      return fake.generate(...args);
    },
    end: () => ends.shift()!(),
  };
}

describe('a watched model', () => {
  it('tells how many videos it is at, and for how long it had any', async () => {
    let now = 0;
    const model = held();
    const watched = new WatchedDenoiser(model, { elapsed: () => now });
    expect(watched.description).toBeUndefined();
    expect(await watched.describe()).toBe(watched.description);
    now += 1000;
    const [first, second] = [watched.generate(input, { signal }), watched.generate(input, { signal })];
    now += 2000;
    expect([watched.drawing, watched.busySeconds]).toEqual([2, 2]);
    model.end();
    await first;
    now += 1000;
    expect([watched.drawing, watched.busySeconds]).toEqual([1, 3]);
    model.end();
    await second;
    now += 5000;
    expect([watched.drawing, watched.busySeconds]).toEqual([0, 3]);
  });

  it('is at nothing more once a video has failed', async () => {
    const watched = new WatchedDenoiser(createFakeDenoiser(), systemClock);
    await expect(watched.generate({ ...input, frames: 1000 }, { signal })).rejects.toMatchObject({
      code: 'REQUEST_OVER_LIMIT',
    });
    expect(watched.drawing).toBe(0);
  });

  it('has places only where the model has, and asks it for none itself', () => {
    const fake = createFakeDenoiser();
    expect(new WatchedDenoiser(fake, systemClock).atOnce).toBeUndefined();
    const asked: (number | undefined)[] = [];
    const watched = new WatchedDenoiser({ ...fake, atOnce: (most) => asked.push(most) && (most ?? 2) }, systemClock);
    expect([watched.places, asked]).toEqual([undefined, []]);
    expect([watched.atOnce!(), watched.places]).toEqual([2, 2]);
    expect([watched.atOnce!(5), watched.places, asked]).toEqual([5, 5, [undefined, 5]]);
  });
});
