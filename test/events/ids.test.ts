import { describe, expect, it } from 'vitest';
import { changeId, jobId } from '../../src/events/ids.js';

const shop = 'https://shop.example';
const of = (id: string, source = shop, pipeline = 'generate') => jobId(pipeline, { source, id });

describe('the id of a job', () => {
  it('is short, plain and never empty, whatever was sent [streams F1] [streams F2] [kind 1]', () => {
    const ids = [
      '',
      'a',
      '🦊'.repeat(512),
      `${'x'.repeat(39)}🦊`,
      `${'x'.repeat(40)}🦊`,
      '..',
      '-',
      '../../x',
      '狐狸',
      'a b',
    ];
    for (const id of [...ids, 'z'.repeat(512), '\ud83e half', 'NUL\u0000', 'q\u202e']) {
      expect(of(id)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*-[0-9a-f]{20}$/);
      expect(of(id).length).toBeLessThanOrEqual(61);
    }
  });

  it('begins as the id that was sent, where that is plain', () => {
    expect(of('order-66')).toMatch(/^order-66-[0-9a-f]{20}$/);
    expect(of('cli-01234567-89ab-cdef-0123-456789abcdef')).toContain('cli-01234567-89ab-cdef-0123-456789abcdef-');
  });

  it('tells apart all that differs in source, id or pipeline, however alike [streams F6]', () => {
    const all = [
      of('1', '/a'),
      of('1', '/b'),
      of('1', '/a', 'other'),
      of('a', '/1'),
      of('b"', 'a'),
      of('', 'a"b'),
      of(`${'x'.repeat(500)}1`),
      of(`${'x'.repeat(500)}2`),
      of('é'),
      of('e\u0301'),
      of('狐'),
      of('狸'),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(of('1', '/a')).toBe(of('1', '/a'));
  });

  it('is carried by the ids of what is told of it: one a try and a moment', () => {
    const job = of('z'.repeat(512));
    const ids = ['queued', 'step-1', 'step-10', 'completed'].flatMap((moment) =>
      ['requests-0-1@5', 'requests-0-1@6', 'requests-1-1@5'].map((record) => changeId(job, record, moment)),
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id.startsWith(`${job}-`) && id.length < 128).toBe(true);
  });
});
