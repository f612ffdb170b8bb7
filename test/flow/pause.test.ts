import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { VimiError } from '../../src/core/errors.js';
import { Pause, type Trouble } from '../../src/flow/pause.js';
import { patient } from '../support/patience.js';

const never = new AbortController().signal;
const denied = () => new VimiError('STORAGE_DENIED', 'The token expired');
/** No wait between two tries. */
const clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
};

describe('a pause', () => {
  it('[kind 4] lets one try for all, and the others follow once it passes', async () => {
    const pause = new Pause({ clock });
    let works = false;
    const tries: string[] = [];
    let atOnce = 0;
    let most = 0;
    const work = (name: string) => async () => {
      tries.push(name);
      most = Math.max(most, ++atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce--;
      if (!works) throw denied();
      return name;
    };
    const all = ['a', 'b', 'c'].map((name) => pause.outlast('to', denied(), work(name), never));
    await vi.waitFor(() => expect(tries.length).toBeGreaterThan(9), patient);
    expect(most).toBe(1);
    expect(new Set(tries)).toEqual(new Set(['a', 'b', 'c']));
    expect(pause.isOn).toBe(true);
    const waiting = pause.over(never);
    works = true;
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
    await waiting;
    expect(pause.isOn).toBe(false);
    expect(most).toBeGreaterThan(1);
  });

  it('[kind 4] goes on while some of what it holds still fails', async () => {
    const pause = new Pause({ clock });
    let room = false;
    let large = 0;
    const small = pause.outlast('to', denied(), async () => 'small', never);
    const other = pause.outlast(
      'to',
      denied(),
      async () => {
        large++;
        if (!room) throw denied();
      },
      never,
    );
    expect(await small).toBe('small');
    await vi.waitFor(() => expect(large).toBeGreaterThan(5), patient);
    expect(pause.isOn).toBe(true);
    room = true;
    await other;
    expect(pause.isOn).toBe(false);
  });

  it('[kind 4] ends with what is no trouble of the surroundings, and for who gives up', async () => {
    const pause = new Pause({ clock });
    const damaged = new VimiError('OBJECT_DAMAGED', 'Other bytes');
    const rejected = pause.outlast('to', denied(), () => Promise.reject(damaged), never);
    await expect(rejected).rejects.toBe(damaged);
    expect(pause.isOn).toBe(false);
    const leaving = new AbortController();
    const given = pause.outlast('to', denied(), () => Promise.reject(denied()), leaving.signal);
    const second = pause.outlast('to', denied(), () => new Promise((resolve) => setImmediate(resolve)), never);
    leaving.abort();
    await expect(given).rejects.toMatchObject({ code: 'STORAGE_DENIED' });
    await second;
    expect(pause.isOn).toBe(false);
  });

  it('[kind 4] tells of each trouble once, when it lasts, and when all is over', async () => {
    const told: string[] = [];
    const pause = new Pause({
      clock: systemClock,
      onTrouble: ({ code, step }) => told.push(`${code} at ${step}`),
      onOver: () => told.push('over'),
    });
    await pause.outlast('commit', denied(), async () => undefined, never);
    expect(told).toEqual([]);
    let works = false;
    const work = (code: 'STORAGE_DENIED' | 'STORAGE_FULL') => () =>
      works ? Promise.resolve() : Promise.reject(new VimiError(code, 'no'));
    const all = [
      pause.outlast('to', denied(), work('STORAGE_DENIED'), never),
      pause.outlast('to', denied(), work('STORAGE_DENIED'), never),
      pause.outlast('commit', new VimiError('STORAGE_FULL', 'no'), work('STORAGE_FULL'), never),
    ];
    await vi.waitFor(() => expect(told).toHaveLength(2), patient);
    expect(pause.troubles).toMatchObject([{ step: 'to' }, { step: 'commit' }] satisfies Partial<Trouble>[]);
    works = true;
    await Promise.all(all);
    expect(told).toEqual(['STORAGE_DENIED at to', 'STORAGE_FULL at commit', 'over']);
    expect(pause.troubles).toEqual([]);
  });
});
