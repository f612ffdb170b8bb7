import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isStop } from '../../src/cli/exit.js';
import { asVimiError, VimiError } from '../../src/core/errors.js';

const thrownBy = async (work: (signal: AbortSignal) => unknown) => {
  const signal = AbortSignal.abort();
  try {
    await work(signal);
  } catch (thrown) {
    return { thrown, signal };
  }
  throw new Error('nothing was thrown');
};

describe('what ends work that was stopped', () => {
  it.each<[string, (signal: AbortSignal) => unknown]>([
    ['the reason itself', (signal) => signal.throwIfAborted()],
    ['what Node makes of it', (signal) => sleep(60_000, undefined, { signal })],
    ['a request that was under way', (signal) => fetch('http://127.0.0.1:9', { signal })],
  ])('is no fault: %s', async (_, work) => {
    const { thrown, signal } = await thrownBy(work);
    expect(isStop(thrown, signal)).toBe(true);
    expect(isStop(asVimiError(thrown), signal)).toBe(true);
    expect(isStop(thrown, new AbortController().signal)).toBe(false);
    expect(isStop(thrown, undefined)).toBe(false);
  });

  it('leaves a fault that came meanwhile a fault', () => {
    const fault = new VimiError('STORAGE_FULL', 'No space is left', { cause: new Error('ENOSPC') });
    expect(isStop(fault, AbortSignal.abort())).toBe(false);
  });
});
