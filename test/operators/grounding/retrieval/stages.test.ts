import { describe, expect, test } from 'vitest';
import type { ContextEntry } from '../../../../src/events/prompt.js';
import { diversified } from '../../../../src/operators/grounding/retrieval/diversity.js';
import { inTurn } from '../../../../src/operators/grounding/retrieval/in-turn.js';
import { reranked } from '../../../../src/operators/grounding/retrieval/reranking.js';
import { keepsLimits } from '../../../../src/operators/grounding/retrieval/score-limits.js';
import { corpusDocument } from '../../../stores/corpus/corpus-documents.js';

const entry = (document: string, ranks: ContextEntry['ranks'] = {}): ContextEntry => ({
  ...{ document, caption: `caption ${document}`, score: 1, ranks },
  image: { key: `${document}.webp`, size: 1, sha256: document, media_type: 'image/webp' },
});
const names = (entries: ContextEntry[]) => entries.map(({ document }) => document).join(' ');
const list = (text: string) => text.split(' ').map((name) => entry(name));

describe('in turn', () => {
  test('the best of each ranking, then the second best; none twice', () => {
    expect(names(inTurn([list('a b c'), list('a d'), list('e b')]))).toBe('a e b d c');
  });

  test('what the first ranking says is named comes before all', () => {
    const named = [entry('x', { lexical: 1 }), entry('n', { named: 1 }), entry('m', { named: 2 })];
    expect(names(inTurn([named, list('p q')]))).toBe('n m x p q');
  });

  test('nothing of nothing', () => {
    expect(inTurn([])).toEqual([]);
    expect(names(inTurn([[], list('a')]))).toBe('a');
  });
});

describe('diversity', () => {
  const looks = new Map(
    Object.entries({ a: [1, 0], b: [1, 0], c: [0, 1], n: [0, 1] }).map(([name, caption]) => [
      name,
      { caption, image: caption },
    ]),
  );

  test('another thing comes before the same thing again', () => {
    expect(names(diversified(list('a b c'), looks, 0.5))).toBe('a c b');
    expect(names(diversified(list('a b c'), looks, 0))).toBe('a b c');
  });

  test('what is named stays in front, and what resembles it falls back', () => {
    expect(names(diversified([entry('n', { named: 1 }), ...list('c a b')], looks, 0.5))).toBe('n a c b');
  });

  test('a document that nobody knows any more resembles none', () => {
    expect(names(diversified(list('a gone b'), looks, 0.9))).toBe('a gone b');
    expect(diversified([], looks, 1)).toEqual([]);
  });
});

describe('reranking', () => {
  const reranker = (scores: Record<string, number>) => ({
    sha256: '',
    scores: async (_: string, captions: readonly string[]) => captions.map((caption) => scores[caption.slice(-1)]!),
    close: async () => {},
  });

  test('orders by the net, and says so; what is named stays in front', async () => {
    const given = [entry('n', { named: 1, lexical: 2 }), entry('a', { lexical: 1 }), entry('b'), entry('c')];
    const found = await reranked('text', given, reranker({ a: -3, b: 0.5, c: 0.5 }));
    expect(names(found)).toBe('n b c a');
    expect(found.map(({ ranks }) => ranks)).toEqual([
      { named: 1, lexical: 2 },
      { reranked: 1 },
      { reranked: 2 },
      { lexical: 1, reranked: 3 },
    ]);
  });
});

describe('limits of scores', () => {
  const document = (scores?: Record<string, number>) => ({ ...corpusDocument('a fox'), ...(scores && { scores }) });

  test.each<[string, Record<string, number> | undefined, boolean]>([
    ['within', { safe: 0.9, sharp: 3 }, true],
    ['at the limits', { safe: 0.5, sharp: 3 }, true],
    ['below', { safe: 0.49, sharp: 3 }, false],
    ['above', { safe: 0.9, sharp: 3.01 }, false],
    ['one was never measured', { safe: 0.9 }, false],
    ['none was', undefined, false],
    ['not finite', { safe: Number.NaN, sharp: 3 }, false],
  ])('%s', (_, scores, kept) => {
    expect(keepsLimits(document(scores), { safe: { min: 0.5 }, sharp: { min: 1, max: 3 } })).toBe(kept);
  });

  test('without limits any document will do, but one that is gone keeps none', () => {
    expect(keepsLimits(document(), {})).toBe(true);
    expect(keepsLimits(null, { safe: { min: 0 } })).toBe(false);
  });
});
