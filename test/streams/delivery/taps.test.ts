import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../src/flow/envelope.js';
import type { Flow } from '../../../src/flow/flow.js';
import { flowFilter } from '../../../src/streams/delivery/flow-filter.js';
import { readable } from '../../../src/streams/delivery/readable.js';
import { Taps } from '../../../src/streams/delivery/taps.js';

const envelope = { data: {} } as Envelope<Flow>;

function seenBy(pattern: string, names: [string, string][]): string[] | undefined {
  const taps = new Taps();
  const seen: string[] = [];
  for (const [pipeline, step] of names) taps.of(pipeline, step);
  const looking = taps.look(pattern, ({ pipeline, step }) => void seen.push(`${pipeline}.${step}`));
  if (!looking) return undefined;
  for (const [pipeline, step] of names) taps.of(pipeline, step).see(envelope);
  expect(looking.steps).toEqual(seen);
  looking.stop();
  for (const [pipeline, step] of names) taps.of(pipeline, step).see(envelope);
  return seen;
}

describe('taps', () => {
  const names: [string, string][] = [
    ['generate', 'embed'],
    ['corpus', 'embed'],
    ['corpus', 'filter'],
  ];

  it.each([
    ['generate.embed', ['generate.embed']],
    ['corpus.*', ['corpus.embed', 'corpus.filter']],
    ['*.embed', ['generate.embed', 'corpus.embed']],
    ['*', ['generate.embed', 'corpus.embed', 'corpus.filter']],
    ['c*p*.f*r', ['corpus.filter']],
    ['corpus', undefined],
    ['', undefined],
    ['corpus.filter*filter', undefined],
    ['gen.rate.embed', undefined],
  ])('%s is for %j, and ends when it is stopped', (pattern, expected) => {
    expect(seenBy(pattern, names)).toEqual(expected);
  });

  it('match as a shell does, whatever the pattern', () => {
    const piece = fc.constantFrom('a', 'b', 'ab', '.', '*', '**');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 8 }),
        (pattern, name) => {
          const [glob, step] = [pattern.join(''), name.join('')];
          const escaped = glob
            .split(/\*+/)
            .map((part) => part.replaceAll('.', '\\.'))
            .join('.*');
          const expected = new RegExp(`^${escaped}$`).test(`p.${step}`);
          expect(seenBy(glob, [['p', step]]) !== undefined).toBe(expected);
        },
      ),
    );
  });
});

describe('a filter of what steps hand on', () => {
  const data = { query: { text: 'A red Fox' }, clip: { motion: 0.02, kind: 'clip' }, list: ['a', 'b'], none: null };

  it.each([
    ['query.text~fox', true],
    ['query.text~wolf', false],
    ['query.text=A red Fox', true],
    ['clip.kind!=clip', false],
    ['clip.motion<0.03', true],
    ['clip.motion>0.03', false],
    ['clip.motion=0.02', true],
    ['clip.motion<', false],
    ['clip.motion<x', false],
    ['list.1=b', true],
    ['none=null', true],
    ['nothing.at.all=undefined', true],
    ['nothing.at.all~x', false],
    ['query.constructor=undefined', true],
    ['query.text.length=undefined', true],
  ])('%s: %s', (text, expected) => {
    expect(flowFilter(text)(data)).toBe(expected);
  });

  it.each(['', 'x', '=1', 'a..b=1', '.a=1', 'a b=1', `a~${'x'.repeat(300)}`, '1=1'])('%j is none', (text) => {
    expect(() => flowFilter(text)).toThrow(expect.objectContaining({ code: 'HTTP_MALFORMED' }));
  });
});

it('what is long is told by its size', () => {
  expect(
    readable({
      bytes: new Uint8Array(7),
      vector: Array.from({ length: 256 }, () => 0.5),
      floats: new Float32Array(12),
      text: 'x'.repeat(301),
      short: [1, 2],
      list: [{ frames: Buffer.alloc(3) }],
    }),
  ).toEqual({
    ...{ bytes: '7 bytes', vector: '256 numbers', floats: '12 numbers', text: `${'x'.repeat(300)}...`, short: [1, 2] },
    list: [{ frames: '3 bytes' }],
  });
});
