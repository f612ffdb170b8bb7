import { expect, it } from 'vitest';
import { aboutOf } from '../../../src/app/rejects/about.js';
import type { EventRejected } from '../../../src/events/schemas.js';

const about = (value: string | null) =>
  aboutOf({ origin: { value: value === null ? null : Buffer.from(value).toString('base64') } } as EventRejected);

it.each([
  [JSON.stringify({ uri: 'a.png', caption: 'a fox' }), 'a.png'],
  [JSON.stringify({ specversion: '1.0', data: { prompt: 'a fox' } }), 'a fox'],
  [JSON.stringify({ prompt: [{ text: 'a' }, { image: {} }, null] }), 'a [image] [image]'],
  [JSON.stringify({ cancel: 'job-1' }), 'job-1'],
  ...[null, '', '{', '[]', '"text"', '5', JSON.stringify({ prompt: 7 })].map((value) => [value, '']),
] as [string | null, string][])('what %j was about', (value, expected) => expect(about(value)).toBe(expected));

it('is the beginning of what is long, without half a character', () => {
  const text = about(JSON.stringify({ prompt: '🦊'.repeat(10_000) }));
  expect(text.length).toBeLessThanOrEqual(500);
  expect(text).toMatch(/^(🦊)+\.\.\.$/u);
});
