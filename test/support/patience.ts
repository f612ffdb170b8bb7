import { createHash } from 'node:crypto';

/*
 * Limits of time in tests only end what hangs; they say nothing of speed. So they are generous, and multiples of what a
 * fixed piece of work takes here and now: a machine that is slow, or busy, gets more.
 */

/** Hashing so much took 80 ms on the machine on which the tests were written, with nothing else running. */
const work = Buffer.alloc(32 * 1024 * 1024);
const usualMs = 80;
/** Passed on to the processes of the tests: it is measured once a run. */
const name = 'VIMI_TEST_SLOWNESS';

function measured(): number {
  const began = performance.now();
  createHash('sha256').update(work).digest();
  return Math.min(20, Math.max(1, (performance.now() - began) / usualMs));
}

process.env[name] ??= String(measured());
/** 1 to 20: how much longer things take here. */
const slowness = Number(process.env[name]);

/** Milliseconds: `seconds` of the usual machine. */
export function patience(seconds: number): number {
  return Math.round(seconds * 1000 * slowness);
}

/** For conditions that are waited for: `vi.waitFor(condition, patient)`. */
export const patient = { timeout: patience(120), interval: 20 };
