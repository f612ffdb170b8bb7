import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { phrasesOf } from '../../../../src/language/phrases.js';
import { CorpusIndex } from '../../../../src/stores/corpus/index/corpus-index.js';
import { namedIn } from '../../../../src/stores/corpus/ranking/named.js';
import { corpusDocument, embedder, query, records } from '../corpus-documents.js';

const captions = [
  'a cat',
  'a black cat',
  'a cat face',
  'a cupcake',
  'a blue book',
  'the bay of Dugibor',
  'the sun behind a cloud',
  'the sun',
  'of the',
];
const named = (text: string, among = captions) =>
  namedIn(
    phrasesOf(text),
    among.map((caption) => ({ caption })),
  ).map(({ caption }) => caption);

describe('namedIn', () => {
  it('finds all that a text names, in its order, whatever the articles, case and accents', () => {
    expect(named('A cupcake moves up on the left and the CAT spins on the right, on a blue background')).toEqual([
      'a cupcake',
      'a cat',
    ]);
    expect(named('a cat moves left in front of the bay of Dugibór')).toEqual(['a cat', 'the bay of Dugibor']);
  });

  it('takes the longest of names that overlap, and no words that only stand apart', () => {
    expect(named('a black cat and a cat face')).toEqual(['a black cat', 'a cat face']);
    expect(named('a cat moves left on a black background')).toEqual(['a cat']);
    expect(named('the sun behind the cloud')).toEqual(['the sun behind a cloud']);
    expect(named('a book in front of a blue wall')).toEqual([]);
    expect(named('of the')).toEqual([]);
  });

  it('takes one of equal captions', () => {
    expect(named('a cat and another cat', ['a cat', 'the cat'])).toEqual(['a cat']);
  });

  it('finds nothing that is not there', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('cat', 'black', 'face', 'sun', 'the', 'é'), { maxLength: 12 }), (words) => {
        for (const caption of named(words.join(' ')))
          for (const word of caption!.split(' ').filter((one) => !['a', 'the'].includes(one)))
            expect(words).toContain(word);
      }),
    );
  });
});

describe('a search for names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-named-'));
  const index = new CorpusIndex({ folder, embedder, log: () => {} });
  // Captions that share more words with the prompts than the ones that are named.
  const others = Array.from({ length: 80 }, (_, n) => `moves left on a blue background ${n}`);
  index.apply(records([...captions, ...others].map((caption) => corpusDocument(caption))));
  afterAll(() => {
    index.close();
    rmSync(folder, { recursive: true });
  });
  const found = (text: string, changes = {}) => index.search(query(text, { names: true, ...changes })).context;

  it('puts what is named first, however many others share more words', () => {
    const context = found('a cupcake moves left and a cat moves left on a blue background', { k: 4 });
    expect(context.map(({ caption }) => caption).slice(0, 2)).toEqual(['a cupcake', 'a cat']);
    expect(context.map(({ ranks }) => ranks.named)).toEqual([1, 2, undefined, undefined]);
    expect(found('a cupcake moves left on a blue background', { k: 1, names: false })[0]!.caption).not.toBe(
      'a cupcake',
    );
  });

  it('passes over a name that must not be found, for the next that may', () => {
    const [first] = found('a black cat sits', { exclude: { source: 'source of a black cat' } });
    expect(first).toMatchObject({ caption: 'a cat', ranks: { named: 1 } });
  });
});
