import { describe, expect, it } from 'vitest';
import { cutAtWord, cutText } from '../../src/core/cut-text.js';
import { VimiError } from '../../src/core/errors.js';
import { describeValue } from '../../src/events/mistakes.js';

describe('a text that is cut', () => {
  it('keeps whole characters, wherever the cut falls [kind 1]', () => {
    const text = 'ab🦊c狐🏴d';
    for (let most = 0; most <= text.length + 1; most++) {
      const cut = cutText(text, most);
      expect(text.startsWith(cut)).toBe(true);
      expect(cut.length).toBeLessThanOrEqual(most);
      expect(cut.length).toBeGreaterThanOrEqual(Math.min(most, text.length) - 1);
      expect(Buffer.from(cut).toString()).toBe(cut);
    }
  });

  it('is cut between two words where it has any [kind 1]', () => {
    expect([3, 4, 5, 6, 7, 8, 20].map((most) => cutAtWord('red fox, 狐', most))).toEqual([
      ...['red', 'red', 'red', 'red', 'red', 'red fox,', 'red fox, 狐'],
    ]);
    expect(cutAtWord('foxes', 3)).toBe('fox');
  });

  it('is so in messages, which are told in events [kind 1]', () => {
    for (let n = 190; n < 210; n++) {
      const { message } = new VimiError('EVENT_INVALID', 'Wrong', { found: `${'x'.repeat(n)}🦊${'y'.repeat(50)}` });
      expect(Buffer.from(message).toString()).toBe(message);
    }
  });

  it('says how long it was in characters, as limits do [kind 1]', () => {
    expect(new VimiError('EVENT_INVALID', 'Wrong', { found: '🦊'.repeat(250) }).message).toMatch(/\(250 characters\)$/);
    expect(describeValue('🦊'.repeat(5000))).toMatch(/ \(5000 characters\)$/);
  });
});
