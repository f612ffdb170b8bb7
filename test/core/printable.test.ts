import { expect, it } from 'vitest';
import { printable } from '../../src/core/printable.js';

it('shows what would move a terminal, and leaves all else as it is', () => {
  expect(printable('a\nb\r\tc')).toBe('a\\nb\\r\\tc');
  expect(printable('\u001b[2J\u0007\u007f\u009b1m')).toBe('\\u001b[2J\\u0007\\u007f\\u009b1m');
  expect(printable('ein Fuchs läuft 🦊 \\n')).toBe('ein Fuchs läuft 🦊 \\n');
});
