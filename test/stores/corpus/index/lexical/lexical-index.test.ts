import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SqliteFile } from '../../../../../src/core/sqlite.js';
import { phrasesOf } from '../../../../../src/language/phrases.js';
import { type LexicalHit, LexicalIndex } from '../../../../../src/stores/corpus/index/lexical/lexical-index.js';
import { indexed, type LexicalTerms, lexicalTerms } from '../../../../../src/stores/corpus/ranking/lexical-terms.js';

/** The reference: the same columns in FTS5, whose bm25() scores every caption that has any of the words. */
class Reference {
  readonly #database = new SqliteFile(':memory:');
  constructor() {
    this.#database.exec("CREATE VIRTUAL TABLE lexical USING fts5 (words, names, characters, tokenize = 'ascii')");
  }

  add(label: number, caption: string): void {
    const { words, names, characters } = indexed(caption);
    this.#database
      .prepare('INSERT INTO lexical (rowid, words, names, characters) VALUES (?, ?, ?, ?)')
      .run(label, words, names, characters);
  }

  remove(label: number): void {
    this.#database.prepare('DELETE FROM lexical WHERE rowid = ?').run(label);
  }

  search({ stems, runs, names }: LexicalTerms): LexicalHit[] {
    const either = (column: string, list: readonly string[]) =>
      list.map((text) => `${column} : "${text}"`).join(' OR ') || null;
    const any = [
      either('words', stems),
      either(
        'characters',
        runs.map((run) => [...run].join(' ')),
      ),
    ]
      .filter((part) => part !== null)
      .join(' OR ');
    const match = names ? `(${either('names', names)}) AND (${either('names', names)} OR ${any})` : any;
    return this.#database
      .prepare('SELECT rowid AS label, -bm25(lexical, 1.0, 0.0, 1.0) AS score FROM lexical WHERE lexical MATCH ?')
      .all(match) as LexicalHit[];
  }
}

/** Of equal scores the higher label comes first: any order that is not that of the postings. */
const before = (a: number, b: number) => a > b;
const inOrder = (hits: LexicalHit[]) =>
  hits.toSorted((a, b) => (Math.abs(a.score - b.score) < 1e-9 ? b.label - a.label : b.score - a.score));

function both() {
  const [index, reference] = [new LexicalIndex(), new Reference()];
  return {
    index,
    add(label: number, caption: string) {
      index.add(label, { ...indexed(caption), subjects: '' });
      reference.add(label, caption);
    },
    remove(label: number) {
      index.remove(label);
      reference.remove(label);
    },
    expectEqual(
      text: string,
      { named = false, depth = 5, accepts = (_: number): boolean => true } = {},
      searched = index,
    ) {
      const terms = lexicalTerms(phrasesOf(text), { named });
      if (!terms) return;
      const expected = inOrder(reference.search(terms).filter(({ label }) => accepts(label))).slice(0, depth);
      const found = searched.search(terms, { depth, accepts, before });
      expect(
        found.map(({ label }) => label),
        text,
      ).toEqual(expected.map(({ label }) => label));
      for (const [n, { score }] of found.entries()) expect(score).toBeCloseTo(expected[n]!.score, 9);
    },
  };
}

/** Some words in most captions, most in few. */
const common = ['fox', 'snow', 'red', 'a', 'in the'];
const rare = ['violin', 'train', 'harbour', 'ramen', 'балалайка', 'tokyo', '🦊'];
const unspaced = ['红色的狐狸', '狐狸', '雪', '雪雪雪', '小狗在雪中奔跑', '赤いキツネ', 'きつね', 'แมวสีแดง'];
const caption = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...common) },
      { weight: 2, arbitrary: fc.constantFrom(...rare) },
      { weight: 2, arbitrary: fc.constantFrom(...unspaced) },
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((words) => words.join(' '));

describe('the lexical index', () => {
  it('ranks as scoring every caption by BM25 does, whatever is added, removed, merged and saved', () => {
    fc.assert(
      fc.property(
        fc.array(caption, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(59), { maxLength: 15 }),
        fc.array(caption, { minLength: 1, maxLength: 4 }),
        fc.record({ named: fc.boolean(), depth: fc.integer({ min: 1, max: 8 }) }),
        fc.nat(60),
        (captions, removed, texts, options, mergedAt) => {
          const { index, add, remove, expectEqual } = both();
          for (const [n, text] of captions.entries()) {
            if (n === mergedAt) index.merge();
            add(n + 1, text);
            // Bounds that were true before a caption came are not used after it.
            if (n % 7 === 0) expectEqual(texts[0]!, options);
          }
          for (const n of new Set(removed)) if (n < captions.length) remove(n + 1);
          const saved = LexicalIndex.fromColumns(structuredClone(index.toColumns()));
          for (const text of texts) {
            expectEqual(text, options);
            expectEqual(text, options, saved);
            expectEqual(text, { ...options, accepts: (label) => label % 3 !== 0 });
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('skips what cannot be among the best, and finds the same', () => {
    const { index, add, expectEqual } = both();
    for (let n = 1; n <= 3000; n++)
      add(
        n,
        `a red fox ${n % 10 === 0 ? 'near a harbour ' : ''}${n % 700 === 0 ? 'with a violin ' : ''}${'x'.repeat(n % 5)}`,
      );
    const terms = lexicalTerms(phrasesOf('a red fox with a violin near the harbour'), { named: false })!;
    let looked = 0;
    const accepts = () => ++looked > 0;
    expect(index.search(terms, { depth: 3, accepts, before })).toHaveLength(3);
    // Every caption has a fox, every tenth the harbour: few of them are looked at.
    expect(looked).toBeLessThan(600);
    for (const text of ['a red fox with a violin near the harbour', 'a fox', 'a harbour', 'nothing of it'])
      for (const depth of [1, 10, 1000]) expectEqual(text, { depth });
  });

  it('ranks thousands of captions, common words and rare, as scoring every one does', () => {
    const { index, add, remove, expectEqual } = both();
    // The first words are in every third caption, the last in few; none in half of them, which would count next to nothing.
    const words = ['fox', 'snow', '狐狸', 'harbour', '雪', ...Array.from({ length: 25 }, (_, n) => `kite${n}`)];
    let state = 7;
    const random = (below: number) => {
      state = Math.imul(state, 1_103_515_245) + 12_345;
      return (state >>> 8) % below;
    };
    const text = (least: number) =>
      Array.from({ length: least + random(12) }, () => words[Math.min(random(30), random(30))]).join(' ');
    for (let label = 1; label <= 2000; label++) {
      add(label, text(1));
      if (label === 1200) index.merge();
    }
    for (let label = 1; label <= 2000; label += 5) remove(label);
    for (let n = 0; n < 20; n++) {
      const asked = text(n % 3);
      for (const depth of [1, 10, 300]) expectEqual(asked, { depth, named: n % 2 === 0 });
      expectEqual(asked, { depth: 3, accepts: (label) => label % 7 === 0 });
    }
  });

  it('finds a run of characters in its order only, across the words that a dictionary makes', () => {
    const { index, add, expectEqual } = both();
    for (const [n, text] of ['狐狸在雪中', '狸狐', '狐 狸', '雪狐狸雪狐狸'].entries()) add(n + 1, text);
    expectEqual('狐狸', { depth: 10 });
    const labels = index
      .search({ stems: [], runs: ['狐狸'], names: null }, { depth: 10, accepts: () => true, before })
      .map(({ label }) => label);
    expect(labels.sort()).toEqual([1, 3, 4]);
  });

  it('knows which captions have no other words', () => {
    const index = new LexicalIndex();
    for (const [n, text] of ['a red fox', 'a red fox in snow', 'the fox, the red one', '!'].entries())
      index.add(n + 1, { ...indexed(text), subjects: text });
    const isPart = index.hasOnly(['red', 'fox']);
    expect([1, 2, 3].filter(isPart)).toEqual([1]);
    expect(index.subjectText(index.subjectOf(2))).toBe('a red fox in snow');
  });
});
