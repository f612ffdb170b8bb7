import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CorpusIndex, type CorpusIndexOptions } from '../../../src/stores/corpus-index/corpus-index.js';
import { thrownBy } from '../../operators/run-operator.js';
import { captions, corpusDocument, embedder, perceptualOf, picture, query, records } from '../corpus-documents.js';

const folders: string[] = [];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'vimi-corpus-')));
  return folders.at(-1)!;
};

const logged: string[] = [];
function open(path = folder(), changes: Partial<CorpusIndexOptions> = {}): CorpusIndex {
  const log = (_: string, __: object, message: string) => logged.push(message);
  return new CorpusIndex({ folder: path, embedder, log, ...changes });
}

const documents = captions.map((caption) => corpusDocument(caption));
const found = (index: CorpusIndex, text: string, changes: Parameters<typeof query>[1] = {}) =>
  index.search(query(text, changes)).context.map(({ caption }) => caption);

describe('searching', () => {
  const index = open();
  index.apply(records(documents));

  it.each(['lexical', 'dense', 'hybrid'] as const)('finds the caption that fits best (%s)', (mode) => {
    expect(found(index, 'a fox in the snow', { mode })[0]).toBe('a red fox runs through snow');
    expect(found(index, 'a cat is sleeping', { mode })[0]).toBe('a grey cat sleeps on a sofa');
  });

  it('ranks by BM25 with word stems and without accents in lexical mode', () => {
    expect(found(index, 'Trains crossing bridges', { mode: 'lexical' })).toEqual([
      'an old steam train crosses a bridge',
    ]);
    expect(found(index, 'a fóx', { mode: 'lexical' })).toEqual(['a red fox runs through snow']);
  });

  it('fuses by reciprocal rank', () => {
    const [first] = index.search(query('fox')).context;
    expect(first).toMatchObject({ ranks: { lexical: 1, dense: 1 }, image: documents[0]!.image });
    expect(first!.score).toBeCloseTo(2 / 61, 12);
    const withImage = index.search(query('fox', { imageEmbedding: embedder.image(picture(captions[0]!)) })).context;
    expect(withImage[0]).toMatchObject({ document: documents[0]!.id, ranks: { lexical: 1, dense: 1, image: 1 } });
    expect(withImage[0]!.score).toBeCloseTo(3 / 61, 12);
  });

  it('finds by an image what no word says', () => {
    const context = found(index, 'something', { imageEmbedding: embedder.image(picture(captions[6]!)), k: 1 });
    expect(context).toEqual([captions[6]]);
  });

  it('gives no context to a prompt about something that the corpus lacks', () => {
    for (const text of ['a submarine under the ice', 'that on the other with a', 'quantum chromodynamics']) {
      expect(found(index, text, { minScore: 0.35 }), text).toEqual([]);
      expect(found(index, text, { mode: 'lexical' }), text).toEqual([]);
      expect(found(index, text, { mode: 'dense', minScore: 0.35 }), text).toEqual([]);
    }
    expect(found(index, 'violin, wooden', { minScore: 0.35, mode: 'dense' })).toEqual(['a violin on a wooden table']);
  });

  it.each([
    'fox" OR rabbit',
    'NOT fox',
    'caption : fox',
    'fox*',
    'NEAR(fox, 2)',
    '"',
    "'; DROP TABLE documents",
    '^fox',
    '{fox}',
    'fox\0snow',
  ])('takes %j as words, not as a query language', (text) => {
    expect(() => index.search(query(text, { mode: 'lexical' }))).not.toThrow();
    if (/fox/.test(text)) expect(found(index, text, { mode: 'lexical' })[0]).toBeDefined();
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        index.search({ text, mode: 'lexical', k: 3 });
      }),
      { numRuns: 200 },
    );
    expect(found(index, '', { mode: 'lexical' })).toEqual([]);
    expect(() => index.search({ text: 'snow '.repeat(20_000), mode: 'lexical', k: 3 })).not.toThrow();
  });

  it('leaves out the own source, near-duplicates, and licences that are not listed', () => {
    const best = captions[0]!;
    expect(found(index, best, { k: 10 })).toContain(best);
    expect(found(index, best, { k: 10, exclude: { source: `source of ${best}` } })).not.toContain(best);
    expect(found(index, best, { k: 10, exclude: { contentHash: documents[0]!.hashes.content } })).not.toContain(best);
    expect(found(index, best, { k: 10, exclude: { perceptual: perceptualOf(best) } })).not.toContain(best);
    expect(found(index, best, { licences: ['MIT'] })).toEqual([]);
    expect(found(index, best, { licences: ['MIT', 'CC0-1.0'] })[0]).toBe(best);
  });

  it('tells of near-duplicates by the bits that differ', () => {
    const hash = BigInt(`0x${perceptualOf(captions[0]!)}`);
    const near = (bits: bigint, distance: number) =>
      index.search(
        query('x', { k: 0, exclude: { perceptual: (hash ^ bits).toString(16).padStart(16, '0'), distance } }),
      ).nearDuplicates;
    const event = `event of ${captions[0]}`;
    expect(near(0n, 0)).toMatchObject([{ document: documents[0]!.id, distance: 0, exact: false, event }]);
    expect(near(0x8000000100010001n, 4)).toMatchObject([{ distance: 4 }]);
    expect(near(0x8000000100010001n, 3)).toEqual([]);
    const like = (of: string) =>
      index.search(
        query('x', {
          exclude: {
            perceptual: perceptualOf(captions[0]!),
            imageEmbedding: embedder.image(picture(of)),
            likeness: 0.95,
          },
        }),
      ).nearDuplicates;
    expect(like(captions[0]!)).toMatchObject([{ distance: 0, likeness: expect.closeTo(1, 5) }]);
    expect(like(captions[1]!)).toEqual([]);
    const { nearDuplicates } = index.search(query('x', { exclude: { contentHash: documents[3]!.hashes.content } }));
    expect(nearDuplicates).toMatchObject([{ document: documents[3]!.id, distance: 0, exact: true }]);
  });

  it.each([
    ['too short', [1, 0]],
    ['not finite', embedder.text('x').map((value, n) => (n === 7 ? Number.NaN : value))],
    ['zero', new Array(256).fill(0)],
    ['none', undefined],
  ])('refuses a vector that is %s', async (_, textEmbedding) => {
    expect((await thrownBy(() => index.search(query('x', { textEmbedding })))).code).toBe('VECTOR_INVALID');
  });
});

describe('applying', () => {
  it('applies each record once, whatever is given twice', () => {
    const index = open();
    expect(index.positions()).toEqual({});
    index.apply(records(documents.slice(0, 4), 5));
    index.apply(records(documents, 5));
    index.apply(records(documents, 5));
    index.apply(records([documents[0]!], 3, 1));
    expect(index.positions()).toEqual({ 0: 15, 1: 4 });
    expect(index.state().documents).toBe(10);
  });

  it('does not take an older state of a document for a newer one', () => {
    const index = open();
    index.apply(records([documents[0]!, { ...documents[0]!, retrievable: false }]));
    index.apply(records([documents[0]!]));
    expect(index.get(documents[0]!.id)?.retrievable).toBe(false);
  });

  it('removes by tombstone, and takes the document back', () => {
    const index = open();
    index.apply(records(documents));
    const before = index.state();
    index.apply([{ partition: 0, offset: 10, id: documents[0]!.id, document: null }]);
    expect(found(index, captions[0]!, { k: 10 })).not.toContain(captions[0]);
    expect(index.get(documents[0]!.id)).toBeNull();
    expect(index.state()).toMatchObject({ documents: 9 });
    expect(index.state().digest).not.toBe(before.digest);
    index.apply(records([documents[0]!], 11));
    expect(index.state()).toEqual(before);
    expect(found(index, captions[0]!)[0]).toBe(captions[0]);
  });

  it('keeps what is not retrievable for near-duplicates only', () => {
    const index = open();
    index.apply(records([{ ...documents[0]!, retrievable: false }, documents[1]!]));
    expect(found(index, captions[0]!, { k: 10 })).not.toContain(captions[0]);
    expect(index.state().documents).toBe(1);
    const { nearDuplicates } = index.search(query('x', { exclude: { perceptual: perceptualOf(captions[0]!) } }));
    expect(nearDuplicates).toHaveLength(1);
  });

  it('gives documents back, their vectors at 32 bits', () => {
    const index = open();
    const extra = { ...documents[2]!, added_later: { deep: ['kept'] } };
    index.apply(records([extra]));
    const back = index.get(extra.id)!;
    expect({ ...back, embeddings: null }).toEqual({ ...extra, embeddings: null });
    expect(back.embeddings.caption).toEqual([...Float32Array.from(extra.embeddings.caption)]);
    expect(index.get('0'.repeat(64))).toBeNull();
  });

  it('finds documents of another embedder, or with a wrong vector, by their words', () => {
    const index = open();
    const foreign = corpusDocument('a purple dragon', {
      embeddings: { model: 'another', caption: [1], image: [1, 2] },
    });
    const odd = corpusDocument('a green dragon', {
      embeddings: { model: embedder.name, caption: new Array(256).fill(0), image: [] },
    });
    index.apply(records([foreign, odd, documents[0]!]));
    expect(found(index, 'dragon').sort()).toContain('a green dragon');
    expect(found(index, 'dragon', { mode: 'dense', k: 10 })).toEqual([captions[0]]);
  });

  it('has one digest and one answer for one corpus, in whatever order it grew', () => {
    const straight = open();
    // Equal captions tie in every ranking.
    const twins = ['1', '2', '3', '4'].map((digit) => corpusDocument('twins on a beach', { id: digit.repeat(64) }));
    const all = [...documents, ...twins];
    straight.apply(records(all));
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
        const index = open();
        index.apply(records([...shuffled.slice(0, 3), corpusDocument('soon gone')]));
        index.apply([{ partition: 0, offset: 4, id: corpusDocument('soon gone').id, document: null }]);
        index.apply(records(shuffled, 5));
        expect(index.state()).toEqual(straight.state());
        for (const text of ['a fox on the beach', 'night train', 'twins'])
          expect(index.search(query(text))).toEqual(straight.search(query(text)));
        index.close();
      }),
      { numRuns: 10 },
    );
  });
});

describe('several processes on one folder', () => {
  it('see what the others applied', () => {
    const path = folder();
    const [one, other] = [open(path), open(path)];
    one.apply(records(documents.slice(0, 5)));
    expect(found(other, 'fox')[0]).toBe(captions[0]);
    other.apply(records(documents));
    one.apply([{ partition: 0, offset: 10, id: documents[0]!.id, document: null }]);
    expect(found(other, 'fox', { mode: 'lexical' })).toEqual([]);
    expect(other.state()).toEqual(one.state());
    expect(other.positions()).toEqual({ 0: 11 });
  });
});

describe('the vector graphs of a larger corpus', () => {
  const small = { exactUpTo: 4 };

  it('answer as the exact comparison does', () => {
    const [exact, graphs] = [open(), open(folder(), small)];
    for (const index of [exact, graphs]) index.apply(records(documents));
    for (const text of captions)
      for (const exclude of [{}, { source: `source of ${text}` }])
        expect(graphs.search(query(text, { mode: 'dense', exclude }))).toEqual(
          exact.search(query(text, { mode: 'dense', exclude })),
        );
  });

  it('are loaded again, and follow what was added and removed meanwhile', () => {
    const path = folder();
    const first = open(path, small);
    first.apply(records(documents.slice(0, 8)));
    first.close();
    expect(readdirSync(join(path, 'graphs')).sort()).toEqual(['caption.hnsw', 'graphs.json', 'image.hnsw']);
    const exact = open(path);
    exact.apply(records(documents));
    exact.apply([{ partition: 0, offset: 10, id: documents[0]!.id, document: null }]);
    logged.length = 0;
    const again = open(path, small);
    for (const text of captions)
      expect(again.search(query(text, { mode: 'dense', k: 10 }))).toEqual(
        exact.search(query(text, { mode: 'dense', k: 10 })),
      );
    expect(logged).toEqual([]);
  });

  it.each([
    ['torn', (path: string) => truncateSync(join(path, 'graphs', 'caption.hnsw'), 1000)],
    [
      'turned',
      (path: string) => {
        const file = join(path, 'graphs', 'image.hnsw');
        const bytes = readFileSync(file);
        bytes[bytes.length >> 1]! ^= 255;
        writeFileSync(file, bytes);
      },
    ],
    ['missing', (path: string) => rmSync(join(path, 'graphs', 'image.hnsw'))],
    ['without description', (path: string) => writeFileSync(join(path, 'graphs', 'graphs.json'), '{')],
  ])('are built again when a file is %s', (_, damage) => {
    const path = folder();
    const first = open(path, small);
    first.apply(records(documents));
    const before = captions.map((text) => first.search(query(text)));
    first.close();
    damage(path);
    logged.length = 0;
    const again = open(path, small);
    expect(captions.map((text) => again.search(query(text)))).toEqual(before);
    expect(logged).toEqual(['Building the vector graphs']);
  });

  it('grow beyond their first room', () => {
    const index = open(folder(), small);
    const vector = (n: number) => Array.from({ length: 256 }, (_, i) => Math.sin(n * 12.9898 + i * 78.233));
    const image = embedder.image(picture('one for all'));
    const many = Array.from({ length: 4200 }, (_, n) =>
      corpusDocument(`number ${n}`, { embeddings: { model: embedder.name, caption: vector(n), image } }),
    );
    index.apply(records(many));
    expect(index.search({ text: 'number', mode: 'dense', k: 1, textEmbedding: vector(4150) }).context[0]?.caption).toBe(
      'number 4150',
    );
  });
});

describe('damage', () => {
  const whole = () => {
    const path = folder();
    const index = open(path);
    index.apply(records(documents));
    index.apply([{ partition: 0, offset: 10, id: documents[9]!.id, document: null }]);
    const answers = captions.map((text) => index.search(query(text)));
    index.close();
    return { path, file: join(path, 'corpus.sqlite'), answers };
  };

  it.each([
    ['truncated', (file: string) => truncateSync(file, 10_000)],
    ['empty but for a header', (file: string) => truncateSync(file, 100)],
    ['text', (file: string) => writeFileSync(file, 'this is not a database '.repeat(500))],
    ['removed', (file: string) => rmSync(file)],
    [
      'zeroed in the middle',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes.fill(0, 8192, 40_000);
        writeFileSync(file, bytes);
      },
    ],
  ])('a file that was %s is started anew, and filled again it answers as before', (_, damage) => {
    const { path, file, answers } = whole();
    damage(file);
    const index = open(path);
    expect(index.positions()).toEqual({});
    expect(index.state().documents).toBe(0);
    index.apply(records(documents));
    index.apply([{ partition: 0, offset: 10, id: documents[9]!.id, document: null }]);
    expect(captions.map((text) => index.search(query(text)))).toEqual(answers);
  });

  it('flipped bytes are noticed, or change no answer', () => {
    const { path, file, answers } = whole();
    const intact = readFileSync(file);
    let noticed = 0;
    for (let n = 0; n < 60; n++) {
      const at = Math.floor((n + 0.37) * (intact.length / 60));
      const bytes = Buffer.from(intact);
      bytes[at]! ^= 0x5a;
      rmSync(path, { recursive: true });
      const index = open(path);
      index.close();
      writeFileSync(file, bytes);
      const opened = open(path);
      if (Object.keys(opened.positions()).length === 0) noticed++;
      else {
        expect(opened.positions()).toEqual({ 0: 11 });
        expect(
          captions.map((text) => opened.search(query(text))),
          `byte ${at}`,
        ).toEqual(answers);
        for (const document of documents.slice(0, 9)) expect(opened.get(document.id)?.caption).toBe(document.caption);
      }
      opened.close();
    }
    expect(noticed).toBeGreaterThan(15);
  });

  it('met while running: calls fail as retryable, searches refuse until all is back', async () => {
    const path = folder();
    const index = open(path, { verifyUpTo: 0 });
    index.apply(records(documents));
    const before = index.search(query('fox'));
    rmSync(join(path, 'corpus.sqlite'));
    const error = await thrownBy(() => index.search(query('fox')));
    expect(error).toMatchObject({ code: 'INDEX_DAMAGED', retryable: true });
    expect((await thrownBy(() => index.apply(records(documents, 10)))).code).toBe('INDEX_DAMAGED');
    expect(index.positions()).toEqual({});
    index.apply(records(documents.slice(0, 5)));
    expect((await thrownBy(() => index.search(query('fox')))).code).toBe('INDEX_DAMAGED');
    expect(index.search(query('fox'), { partial: true }).corpus.documents).toBe(5);
    index.apply(records(documents));
    expect(index.search(query('fox'))).toEqual(before);
  });

  it('[kind 6] of an earlier layout is filled again, so that its captions are split as they are now', () => {
    const { path, file } = whole();
    const database = new Database(file);
    database.pragma('user_version = 1');
    database.close();
    const index = open(path);
    expect(index.positions()).toEqual({});
    index.apply(records(documents));
    expect(found(index, 'fox')[0]).toBe('a red fox runs through snow');
  });

  it('puts the damaged file aside', () => {
    const { path, file } = whole();
    appendFileSync(file, 'x');
    truncateSync(file, 5000);
    open(path);
    expect(existsSync(`${file}.damaged`)).toBe(true);
  });
});
