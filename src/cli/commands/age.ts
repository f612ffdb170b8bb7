import { VimiError } from '../../core/errors.js';
import { duration } from '../../streams/topology/duration.js';

/** "90m", "1d" in milliseconds; 0 too. */
export function age(text: string): number {
  if (text === '0') return 0;
  const { data } = duration.safeParse(text);
  if (data !== undefined) return data;
  throw new VimiError('USAGE', 'Not a length of time', {
    expected: '0, or a whole number and one of s, m, h, d, w, such as 7d',
    found: text,
  });
}
