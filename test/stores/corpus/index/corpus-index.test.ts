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
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SqliteFile } from '../../../../src/core/sqlite.js';
import { CorpusIndex, type CorpusIndexOptions } from '../../../../src/stores/corpus/index/corpus-index.js';
import { thrownBy } from '../../../operators/run-operator.js';
import { captions, corpusDocument, embedder, image, query, records } from '../corpus-documents.js';

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

describe('applying', () => {
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
    expect(readdirSync(join(path, 'snapshot')).sort()).toEqual([
      'caption.index',
      'image.index',
      'lexical.index',
      'roster.index',
      'snapshot.json',
    ]);
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
    ['torn', (path: string) => truncateSync(join(path, 'snapshot', 'caption.index'), 1000)],
    [
      'turned',
      (path: string) => {
        const file = join(path, 'snapshot', 'image.index');
        const bytes = readFileSync(file);
        bytes[bytes.length >> 1]! ^= 255;
        writeFileSync(file, bytes);
      },
    ],
    ['missing', (path: string) => rmSync(join(path, 'snapshot', 'image.index'))],
    ['without description', (path: string) => writeFileSync(join(path, 'snapshot', 'snapshot.json'), '{')],
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
    const same = embedder.image(image('one for all'));
    const many = Array.from({ length: 4200 }, (_, n) =>
      corpusDocument(`number ${n}`, { embeddings: { model: embedder.name, caption: vector(n), image: same } }),
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
    const database = new SqliteFile(file);
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
