import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openOwnModel } from '../../src/app/own-model.js';
import { systemClock } from '../../src/core/clock.js';
import type { Denoiser, GenerateInput } from '../../src/models/ports.js';
import { ownModel } from '../../src/streams/topology/models.js';
import { testFolder } from '../media/make-media.js';

const { signal } = new AbortController();
const asked = (seed: number, steps: number): GenerateInput => ({
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox moves left' }] },
  ...{ frames: 1, width: 32, height: 32, fps: 8, steps, guidance: { text: 1, image: 1 }, seed },
});

/** Model processes of this one. */
function children(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,args=']).toString().split('\n');
  return listed.flatMap((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return parent === process.pid && line.includes('denoiser-process') ? [pid!] : [];
  });
}

const budgets = join(await testFolder(), 'budgets.json');
const open = (settings: object, lines: string[] = []): Promise<Denoiser> =>
  openOwnModel(ownModel.parse({ type: 'own', backend: 'wasm', ...settings }), {
    ...{ budgets, parts: { model: 'nano' }, log: (line: string) => void lines.push(line), clock: systemClock },
  });

it('two processes draw at once; one that crashes is started again, and the other goes on', async () => {
  const lines: string[] = [];
  const both = await open({ processes: 2 }, lines);
  try {
    expect(children()).toHaveLength(2);
    expect(lines.filter((line) => /^process [12]: model nano on wasm/.test(line))).toHaveLength(2);
    expect(both.atOnce!(2)).toBe(2);
    const begun = [0, 0];
    let isKilled = false;
    const [victim] = children();
    const draw = (n: number) =>
      both.generate(asked(n, 8), {
        signal,
        onStep(done) {
          begun[n] = done;
          // Both are at it.
          if (isKilled || begun.some((steps) => steps === 0)) return;
          isKilled = true;
          process.kill(victim!, 'SIGSEGV');
        },
      });
    const ends = await Promise.allSettled([draw(0), draw(1)]);
    expect(isKilled).toBe(true);
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []));
    expect(failed).toEqual(['MODEL_CRASHED']);
    // Its job is made again, as the step that asked does, by whichever has room; both are there again.
    const again = await Promise.all([draw(0), draw(1)]);
    const there = ends.findIndex((end) => end.status === 'fulfilled');
    const before = (ends[there] as PromiseFulfilledResult<{ video: { data: Uint8Array } }>).value.video.data;
    expect(Buffer.compare(again[there]!.video.data, before)).toBe(0);
    expect(children()).toHaveLength(2);
    expect(children()).not.toContain(victim);
  } finally {
    await both.close();
  }
  expect(children()).toEqual([]);
});

it('where one of them cannot be started, none runs', async () => {
  const there = open({ devices: ['cpu', 7], backend: 'auto' });
  await expect(there).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  expect(children()).toEqual([]);
});
