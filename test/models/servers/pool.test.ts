import { expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput } from '../../../src/models/ports.js';
import { createFakeDenoiser } from '../../../src/models/servers/fake-denoiser.js';
import { DenoiserPool } from '../../../src/models/servers/pool.js';

const { signal } = new AbortController();
const input: GenerateInput = {
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox' }] },
  ...{ frames: 1, width: 8, height: 8, fps: 8, steps: 1, guidance: { text: 1, image: 1 }, seed: 1 },
};

/** One whose jobs end when the test says so. */
class Held implements Denoiser {
  readonly name: string;
  readonly jobs: { calls: GenerateCalls; end(): void; fail(error: VimiError): void }[] = [];
  fault: VimiError | undefined;
  most: number | undefined;
  isClosed = false;
  constructor(name: string) {
    this.name = name;
  }
  describe = () => createFakeDenoiser().describe();
  atOnce(asked?: number) {
    this.most = asked;
    return asked ?? 2;
  }
  generate(_: GenerateInput, calls: GenerateCalls): Promise<Generated> {
    if (this.fault) return Promise.reject(this.fault);
    const video = { frames: 1, width: 8, height: 8, data: new Uint8Array(192) };
    return new Promise((resolve, reject) => {
      this.jobs.push({ calls, end: () => resolve({ video, seconds: 1 }), fail: reject });
    });
  }
  async close() {
    this.isClosed = true;
  }
}

function pool(...names: string[]) {
  const members = names.map((name) => new Held(name));
  const clock = new VirtualClock(0);
  return { members, clock, pool: new DenoiserPool(members, clock) };
}

it('gives each job to the one with most room; one at its last step has room', async () => {
  const { members, pool: both } = pool('a', 'b');
  const [a, b] = members as [Held, Held];
  const made = [both.generate(input, { signal }), both.generate(input, { signal })];
  expect([a.jobs.length, b.jobs.length]).toEqual([1, 1]);
  b.jobs[0]!.calls.onLast!();
  made.push(both.generate(input, { signal }));
  expect([a.jobs.length, b.jobs.length]).toEqual([1, 2]);
  for (const { end } of [...a.jobs, ...b.jobs]) end();
  expect(await Promise.all(made)).toHaveLength(3);
});

it('has as many places as all of them, and shares out what is asked for', () => {
  const { members, pool: three } = pool('a', 'b', 'c');
  expect(three.atOnce()).toBe(6);
  expect(three.atOnce(4)).toBe(4);
  expect(members.map(({ most }) => most)).toEqual([2, 2, 2]);
  expect(three.atOnce(1)).toBe(1);
});

it('a job whose process cannot be started goes to another; that one is tried again after a minute', async () => {
  const { members, clock, pool: both } = pool('a', 'b');
  const [a, b] = members as [Held, Held];
  a.fault = new VimiError('MODEL_UNAVAILABLE', 'The model process does not start');
  const made = both.generate(input, { signal });
  await Promise.resolve();
  await Promise.resolve();
  expect(b.jobs).toHaveLength(1);
  expect(both.atOnce()).toBe(2);
  b.jobs[0]!.end();
  await made;
  a.fault = undefined;
  await clock.advance(60_000);
  expect(both.atOnce()).toBe(4);
  void both.generate(input, { signal });
  expect(a.jobs).toHaveLength(1);
});

it('fails where none can be started, and with what is wrong with the job itself', async () => {
  const { members, pool: both } = pool('a', 'b');
  const made = both.generate(input, { signal });
  members[0]!.jobs[0]!.fail(new VimiError('MODEL_CRASHED', 'The model process died'));
  await expect(made).rejects.toMatchObject({ code: 'MODEL_CRASHED' });
  expect(members[1]!.jobs).toHaveLength(0);
  for (const member of members) member.fault = new VimiError('MODEL_UNAVAILABLE', 'The model process does not start');
  await expect(both.generate(input, { signal })).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  await both.close();
  expect(members.map(({ isClosed }) => isClosed)).toEqual([true, true]);
});
