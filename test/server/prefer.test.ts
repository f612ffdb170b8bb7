import { describe, expect, it } from 'vitest';
import { idempotencyKey, longestWait, waitOf } from '../../src/server/videos/prefer.js';

/** As Node gives a header. */
const header = (text: string) => Buffer.from(text).toString('latin1');

describe('what a caller prefers', () => {
  it('is to wait, at most as long as answers are held back', () => {
    for (const [prefer, seconds] of [
      ['wait=5', 5],
      ['respond-async, WAIT="5"; x=1', 5],
      ['wait=999999', longestWait],
      [`wait=${'9'.repeat(900)}`, longestWait],
      ['wait=-1', 0],
      ['wait=soon', 0],
      ['await=5', 0],
      [undefined, 0],
    ] as const)
      expect([prefer, waitOf(prefer)]).toEqual([prefer, seconds]);
  });

  it('is a key in any script, quoted or not, as it was meant', () => {
    for (const [text, key] of [
      ['order-7', 'order-7'],
      ['"order \\"7\\""', 'order "7"'],
      ['été', 'été'],
      ['"鍵🦊"', '鍵🦊'],
    ] as const)
      expect(idempotencyKey(header(text))).toBe(key);
    // As clients send it that write byte by byte.
    expect(idempotencyKey('\xe9t\xe9')).toBe('été');
    for (const text of ['', ' ', '""', 'a\u0007', '\u0085'])
      expect(() => idempotencyKey(header(text))).toThrow('This is no key');
  });
});
