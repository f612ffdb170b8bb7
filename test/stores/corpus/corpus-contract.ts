import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { words } from '../../../src/language/words.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import { thrownBy } from '../../operators/run-operator.js';
import {
  captions,
  clipDocument,
  corpusDocument,
  embedder,
  image,
  perceptualOf,
  query,
  records,
} from './corpus-documents.js';

const documents = captions.map((caption) => corpusDocument(caption));

async function found(corpus: Corpus, text: string, changes: Parameters<typeof query>[1] = {}): Promise<string[]> {
  return (await corpus.search(query(text, changes))).context.map(({ caption }) => caption);
}

/** What every engine behind the contract of corpora does (src/stores/corpus/corpus.ts). `open` gives an empty corpus. */
export function describeCorpus(name: string, open: () => Promise<Corpus>): void {
  const opened: Corpus[] = [];
  const openOne = async () => {
    const corpus = await open();
    opened.push(corpus);
    await corpus.positions();
    return corpus;
  };
  afterAll(async () => {
    for (const corpus of opened) await corpus.close();
  });

  describe(`${name}: searching`, () => {
    let corpus: Corpus;
    const others = ['狐が走る', '火山の噴火', 'a 🍄 in the moss', 'a red apple'].map((caption) =>
      corpusDocument(caption),
    );
    beforeAll(async () => {
      corpus = await openOne();
      await corpus.apply(records([...documents, ...others]));
    });

    it.each(['lexical', 'dense', 'hybrid'] as const)('finds the caption that fits best (%s)', async (mode) => {
      expect((await found(corpus, 'a fox in the snow', { mode }))[0]).toBe('a red fox runs through snow');
      expect((await found(corpus, 'a cat is sleeping', { mode }))[0]).toBe('a grey cat sleeps on a sofa');
    });

    it('ranks by BM25 with word stems and without accents in lexical mode', async () => {
      expect(await found(corpus, 'Trains crossing bridges', { mode: 'lexical' })).toEqual([
        'an old steam train crosses a bridge',
      ]);
      expect(await found(corpus, 'a fóx', { mode: 'lexical' })).toEqual(['a red fox runs through snow']);
    });

    it('[kind 6] finds words of scripts without spaces, and emoji', async () => {
      expect(await found(corpus, '狐', { mode: 'lexical' })).toEqual(['狐が走る']);
      expect(await found(corpus, '火山', { mode: 'lexical' })).toEqual(['火山の噴火']);
      expect(await found(corpus, '火事', { mode: 'lexical' })).toEqual([]);
      expect(await found(corpus, '🍄', { mode: 'lexical' })).toEqual(['a 🍄 in the moss']);
    });

    it('fuses by reciprocal rank', async () => {
      const [first] = (await corpus.search(query('fox'))).context;
      expect(first).toMatchObject({ ranks: { lexical: 1, dense: 1 }, image: documents[0]!.image });
      expect(first!.score).toBeCloseTo(2 / 61, 12);
      const imageEmbedding = embedder.image(image(captions[0]!));
      const [withImage] = (await corpus.search(query('fox', { imageEmbedding }))).context;
      expect(withImage).toMatchObject({ document: documents[0]!.id, ranks: { lexical: 1, dense: 1, image: 1 } });
      expect(withImage!.score).toBeCloseTo(3 / 61, 12);
    });

    it('finds by an image what no word says', async () => {
      const imageEmbedding = embedder.image(image(captions[6]!));
      expect(await found(corpus, 'something', { imageEmbedding, minScore: 0.99 })).toEqual([captions[6]]);
    });

    it('gives no image to a prompt that says nothing, though an encoder of texts and images finds it like one', async () => {
      const among = { imageEmbedding: embedder.image(image(captions[6]!)), textAmongImages: true, minScore: 0.99 };
      expect(await found(corpus, 'quantum chromodynamics', among)).toEqual([captions[6]]);
      for (const text of ['that on the other with a', '?!', ' ']) expect(await found(corpus, text, among)).toEqual([]);
    });

    it('gives no context to a prompt about something that the corpus lacks', async () => {
      for (const text of ['a submarine under the ice', 'that on the other with a', 'quantum chromodynamics'])
        for (const mode of ['hybrid', 'lexical', 'dense'] as const)
          expect(await found(corpus, text, { mode, minScore: 0.35 }), `${text} ${mode}`).toEqual([]);
    });

    it('gives what the prompt names and nothing else, in its order', async () => {
      const strict = { onlyNamed: true, names: true };
      expect(await found(corpus, 'a red apple beside a violin on a wooden table', strict)).toEqual([
        'a red apple',
        'a violin on a wooden table',
      ]);
      expect(await found(corpus, 'a red suitcase', strict)).toEqual([]);
      expect(await found(corpus, 'a green apple', strict)).toEqual([]);
      const all = await found(corpus, 'a harbour, a fox', { onlyNamed: true });
      expect(all.sort()).toEqual(['a red fox runs through snow', 'the harbour at night, boats with lights']);
    });

    it.each([
      'fox" OR rabbit',
      'NOT fox',
      'caption : fox',
      'fox*',
      '"}]) { x }',
      "'; DROP TABLE documents",
      'fox\0snow',
    ])('takes %j as words, not as a query language', async (text) => {
      const captions = await found(corpus, text, { mode: 'lexical' });
      expect(captions).toEqual(await found(corpus, words(text).join(' '), { mode: 'lexical' }));
      expect(captions.some((caption) => caption.includes('fox'))).toBe(text.includes('fox'));
    });

    it('takes any text', async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (text) => {
          await corpus.search({ text, mode: 'lexical', k: 3, exclude: { source: text }, licences: [text] });
        }),
        { numRuns: 50 },
      );
      expect(await found(corpus, '', { mode: 'lexical' })).toEqual([]);
      expect(await found(corpus, 'snow '.repeat(20_000), { mode: 'lexical' })).toEqual([captions[0]]);
    });

    it('leaves out the own source, near-duplicates, and licences that are not listed', async () => {
      const best = captions[0]!;
      expect(await found(corpus, best, { k: 20 })).toContain(best);
      for (const exclude of [
        { source: `source of ${best}` },
        { contentHash: documents[0]!.hashes.content },
        { perceptual: perceptualOf(best) },
      ])
        expect(await found(corpus, best, { k: 20, exclude })).not.toContain(best);
      expect(await found(corpus, best, { licences: ['MIT'] })).toEqual([]);
      expect((await found(corpus, best, { licences: ['MIT', 'CC0-1.0'] }))[0]).toBe(best);
    });

    it('reports near-duplicates by the bits that differ', async () => {
      const hash = BigInt(`0x${perceptualOf(captions[0]!)}`);
      const near = async (bits: bigint, distance: number) => {
        const perceptual = (hash ^ bits).toString(16).padStart(16, '0');
        return (await corpus.search(query('x', { k: 0, exclude: { perceptual, distance } }))).nearDuplicates;
      };
      const event = `event of ${captions[0]}`;
      const document = documents[0]!.id;
      expect(await near(0n, 0)).toMatchObject([{ document, distance: 0, exact: false, event }]);
      expect(await near(0x8000000100010001n, 4)).toMatchObject([{ document, distance: 4 }]);
      expect(await near(0x8000000100010001n, 3)).toEqual([]);
      // All in one band of sixteen bits.
      expect(await near(0x3fn, 6)).toMatchObject([{ document, distance: 6 }]);
      expect(await near(0x7fn, 6)).toEqual([]);
      expect(await near(0xfffn, 12)).toMatchObject([{ document, distance: 12 }]);
      const like = async (of: string) => {
        const exclude = {
          perceptual: perceptualOf(captions[0]!),
          imageEmbedding: embedder.image(image(of)),
          likeness: 0.95,
        };
        return (await corpus.search(query('x', { exclude }))).nearDuplicates;
      };
      expect(await like(captions[0]!)).toMatchObject([{ distance: 0, likeness: expect.closeTo(1, 5) }]);
      expect(await like(captions[1]!)).toEqual([]);
      const exact = await corpus.search(query('x', { exclude: { contentHash: documents[3]!.hashes.content } }));
      expect(exact.nearDuplicates).toMatchObject([{ document: documents[3]!.id, distance: 0, exact: true }]);
    });

    it('lists documents by id, medium and source', async () => {
      const { id, provenance } = documents[4]!;
      const expected = [{ document: id, caption: captions[4], said: captions[4], retrievable: true }];
      expect(await corpus.find({ id })).toMatchObject(expected);
      expect(await corpus.find({ uri: provenance.uri })).toMatchObject(expected);
      expect(await corpus.find({ uri: provenance.uri, source: provenance.source })).toMatchObject(expected);
      expect(await corpus.find({ content: documents[4]!.hashes.content })).toMatchObject(expected);
      expect(await corpus.find({ uri: provenance.uri, source: 'another' })).toEqual([]);
      expect(await corpus.find({ licence: 'MIT' })).toEqual([]);
      expect(await corpus.find({ licence: 'CC0-1.0' })).toHaveLength(documents.length + others.length);
      const all = (await corpus.find({})).map(({ document }) => document);
      const paged: string[] = [];
      for (let after = ''; ; after = paged.at(-1)!) {
        const found = await corpus.find({}, { after, most: 4 });
        expect(found.length).toBeLessThanOrEqual(4);
        if (found.length === 0) break;
        paged.push(...found.map(({ document }) => document));
      }
      expect(paged).toEqual(all);
      expect(await corpus.find({ licence: 'CC0-1.0' }, { after: all[0]!, most: 1 })).toMatchObject([
        { document: all[1] },
      ]);
      expect(all).toEqual([...documents, ...others].map((one) => one.id).sort());
    });

    it.each([
      ['too short', [1, 0]],
      ['not finite', embedder.text('x').map((value, n) => (n === 7 ? Number.NaN : value))],
      ['zero', new Array(256).fill(0)],
      ['none', undefined],
    ])('refuses a vector that is %s', async (_, textEmbedding) => {
      expect((await thrownBy(() => corpus.search(query('x', { textEmbedding })))).code).toBe('VECTOR_INVALID');
    });
  });

  describe(`${name}: clips as motion examples`, () => {
    let corpus: Corpus;
    const clips = [
      ...['a brown dog runs on a beach', 'a dog sleeps on a carpet', 'a red fox runs through snow'],
      ...['a ball is rolling down a hill', 'a waterfall in a forest', 'ein Hund rennt'],
    ].map((caption) => clipDocument(caption));
    beforeAll(async () => {
      corpus = await openOne();
      await corpus.apply(records([...documents, ...clips]));
    });
    const motions = (text: string, changes: Parameters<typeof query>[1] = {}) =>
      found(corpus, text, { kind: 'clip', k: 10, onlyNamed: true, ...changes });

    it('finds each kind by itself, and counts both', async () => {
      const { context, corpus: state } = await corpus.search(
        query('a red fox runs through snow', { kind: 'clip', k: 1 }),
      );
      expect(context).toMatchObject([{ document: clips[2]!.id, clip: clips[2]!.clip, image: clips[2]!.image }]);
      const [image] = (await corpus.search(query('a red fox runs through snow', { k: 1 }))).context;
      expect(image).toMatchObject({ document: documents[0]!.id });
      expect(image).not.toHaveProperty('clip');
      expect(state.documents).toBe(documents.length + clips.length);
      for (const mode of ['lexical', 'dense', 'hybrid'] as const) {
        const all = await found(corpus, 'a dog, a fox, a ball, a waterfall', { kind: 'clip', mode, k: 100 });
        expect(all.filter((caption) => !clips.some((clip) => clip.caption === caption))).toEqual([]);
        const images = await found(corpus, 'a dog, a fox, a ball, a waterfall', { mode, k: 100 });
        expect(images.filter((caption) => !captions.includes(caption))).toEqual([]);
      }
    });

    it('finds who moves so, whoever it is, and nobody else', async () => {
      for (const mode of ['lexical', 'hybrid'] as const) {
        expect((await motions('a horse is running on a beach', { mode })).sort()).toEqual([
          'a brown dog runs on a beach',
          'a red fox runs through snow',
        ]);
        expect(await motions('a horse rolls', { mode })).toEqual(['a ball is rolling down a hill']);
      }
      expect((await motions('a horse is running on a beach'))[0]).toBe('a brown dog runs on a beach');
      expect(await motions('a dog jumps')).toEqual([]);
      expect(await motions('a dog jumps', { mode: 'dense', minScore: 0 })).toEqual([]);
    });

    it('goes by what is named where the text names no motion', async () => {
      expect(await motions('a waterfall')).toEqual(['a waterfall in a forest']);
      expect(await motions('ein Hund')).toEqual(['ein Hund rennt']);
      expect(await motions('a submarine')).toEqual([]);
    });

    it('leaves out the own source, near-duplicates, and licences that are not listed', async () => {
      const fox = clips[2]!;
      const others = ['a brown dog runs on a beach'];
      for (const exclude of [
        { source: fox.provenance.source },
        { contentHash: fox.hashes.content },
        { perceptual: fox.hashes.perceptual },
      ])
        expect(await motions('a fox runs', { exclude })).toEqual(others);
      expect(await motions('a fox runs', { licences: ['MIT'] })).toEqual([]);
    });

    it('is as good as gone when it is removed, or no longer for motions', async () => {
      const corpus = await openOne();
      const [dog, still] = [clips[0]!, documents[0]!];
      await corpus.apply(records([dog, still]));
      const state = await corpus.state();
      const { clip: _, ...without } = dog;
      await corpus.apply(records([without], 2));
      expect(await found(corpus, 'a dog runs', { kind: 'clip' })).toEqual([]);
      expect((await corpus.state()).documents).toBe(1);
      expect(await corpus.find({ id: dog.id })).toMatchObject([{ kind: 'clip', retrievable: false }]);
      await corpus.apply(records([{ ...dog, retrievable: true }], 3));
      expect((await found(corpus, 'a dog runs', { kind: 'clip' }))[0]).toBe(dog.caption);
      expect((await found(corpus, 'a dog runs'))[0]).toBe(dog.caption);
      expect(await corpus.state()).toEqual(state);
      expect(await corpus.find({ id: dog.id })).toMatchObject([{ kind: 'clip', retrievable: true, clip: dog.clip }]);
      await corpus.apply([{ partition: 0, offset: 4, id: dog.id, document: null }]);
      expect(await found(corpus, 'a dog runs', { kind: 'clip' })).toEqual([]);
      expect((await corpus.state()).documents).toBe(1);
    });
  });

  describe(`${name}: applying`, () => {
    it('applies each record once, whatever is given twice', async () => {
      const corpus = await openOne();
      expect(await corpus.positions()).toEqual({});
      await corpus.apply(records(documents.slice(0, 4), 5));
      await corpus.apply(records(documents, 5));
      await corpus.apply(records(documents, 5));
      await corpus.apply(records([documents[0]!], 3, 1));
      expect(await corpus.positions()).toEqual({ 0: 15, 1: 4 });
      expect((await corpus.state()).documents).toBe(10);
    });

    it('does not take an older state of a document for a newer one', async () => {
      const corpus = await openOne();
      await corpus.apply(records([documents[0]!, { ...documents[0]!, retrievable: false }]));
      await corpus.apply(records([documents[0]!]));
      expect((await corpus.get(documents[0]!.id))?.retrievable).toBe(false);
      expect((await corpus.state()).documents).toBe(0);
    });

    it('removes by tombstone, reports it, and takes the document back', async () => {
      const corpus = await openOne();
      const removed: string[] = [];
      corpus.onRemoved((id) => removed.push(id));
      await corpus.apply(records(documents));
      const before = await corpus.state();
      await corpus.apply([{ partition: 0, offset: 10, id: documents[0]!.id, document: null }]);
      expect(removed).toEqual([documents[0]!.id]);
      expect(await found(corpus, captions[0]!, { k: 10 })).not.toContain(captions[0]);
      expect(await corpus.get(documents[0]!.id)).toBeNull();
      expect(await corpus.find({ id: documents[0]!.id })).toEqual([]);
      expect(await corpus.state()).toMatchObject({ documents: 9 });
      expect((await corpus.state()).digest).not.toBe(before.digest);
      await corpus.apply(records([documents[0]!], 11));
      expect(await corpus.state()).toEqual(before);
      expect((await found(corpus, captions[0]!))[0]).toBe(captions[0]);
    });

    it('keeps what is not retrievable for near-duplicates only', async () => {
      const corpus = await openOne();
      await corpus.apply(records([{ ...documents[0]!, retrievable: false }, documents[1]!]));
      expect(await found(corpus, captions[0]!, { k: 10 })).not.toContain(captions[0]);
      expect((await corpus.state()).documents).toBe(1);
      const { nearDuplicates } = await corpus.search(
        query('x', { exclude: { perceptual: perceptualOf(captions[0]!) } }),
      );
      expect(nearDuplicates).toHaveLength(1);
    });

    it('gives documents back, their vectors at 32 bits', async () => {
      const corpus = await openOne();
      const extra = { ...documents[2]!, added_later: { deep: ['kept', '\u2028 "}'] } };
      await corpus.apply(records([extra]));
      const back = (await corpus.get(extra.id))!;
      expect({ ...back, embeddings: null }).toEqual({ ...extra, embeddings: null });
      expect(back.embeddings.caption).toEqual([...Float32Array.from(extra.embeddings.caption)]);
      expect(await corpus.get('0'.repeat(64))).toBeNull();
    });

    it('finds documents of another embedder, or with a wrong vector, by their words', async () => {
      const corpus = await openOne();
      const foreign = corpusDocument('a purple dragon', {
        embeddings: { model: 'another', caption: [1], image: [1, 2] },
      });
      const odd = corpusDocument('a green dragon', {
        embeddings: { model: embedder.name, caption: new Array(256).fill(0), image: [] },
      });
      await corpus.apply(records([foreign, odd, documents[0]!]));
      expect((await found(corpus, 'dragon')).sort()).toEqual([odd.caption, foreign.caption, captions[0]].sort());
      expect(await found(corpus, 'dragon', { mode: 'dense', k: 10 })).toEqual([captions[0]]);
      expect((await corpus.get(foreign.id))?.embeddings).toEqual(foreign.embeddings);
    });

    it('has one digest and one answer for one corpus, in whatever order it grew; ties go by id', async () => {
      const straight = await openOne();
      // Equal captions tie in every ranking.
      const twins = ['3', '1', '4', '2'].map((digit) => corpusDocument('twins on a beach', { id: digit.repeat(64) }));
      const all = [...documents, ...twins];
      await straight.apply(records(all));
      const corpus = await openOne();
      const shuffled = [...all].reverse();
      await corpus.apply(records([...shuffled.slice(0, 3), corpusDocument('soon gone')]));
      await corpus.apply([{ partition: 0, offset: 4, id: corpusDocument('soon gone').id, document: null }]);
      await corpus.apply(records(shuffled, 5));
      expect(await corpus.state()).toEqual(await straight.state());
      for (const text of ['a fox on the beach', 'night train', 'twins'])
        expect(await corpus.search(query(text))).toEqual(await straight.search(query(text)));
      for (const mode of ['lexical', 'dense'] as const) {
        const { context } = await corpus.search(query('twins on a beach', { mode, k: 4 }));
        expect(context.map(({ document }) => document[0])).toEqual(['1', '2', '3', '4']);
      }
    });
  });
}
