import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { either } from '../../src/core/either.js';
import { keptBy } from '../support/kept-by.js';

it('aborts with the first of its signals, for its reason', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const { signal } = either(one.signal, undefined, other.signal);
  expect(signal.aborted).toBe(false);
  other.abort(new Error('the other'));
  one.abort(new Error('too late'));
  expect(signal.reason).toEqual(new Error('the other'));
});

it('is aborted at once where one of them is', () => {
  const over = either(new AbortController().signal, AbortSignal.abort('before'));
  expect([over.signal.aborted, over.signal.reason]).toEqual([true, 'before']);
});

it('leaves nothing behind in a signal that outlives it', () => {
  const closing = new AbortController();
  for (let n = 0; n < 10; n++) {
    either(new AbortController().signal, closing.signal).letGo();
    const aborted = new AbortController();
    either(aborted.signal, closing.signal);
    aborted.abort();
    either(closing.signal, AbortSignal.abort());
  }
  expect(keptBy(closing.signal)).toBe(0);
  AbortSignal.any([closing.signal]);
  expect(keptBy(closing.signal)).toBe(1);
});

it('takes as many as there are who wait', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const closing = new AbortController();
  for (let n = 0; n < 20; n++) either(closing.signal);
  await setImmediate();
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
