import { beforeAll, describe, expect, it } from 'vitest';
import type { Flow } from '../../src/operators/flow.js';
import { retrieve } from '../../src/operators/retrieve.js';
import type { Corpus } from '../../src/stores/corpus.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import { captions, corpusDocument, embedder, picture } from '../stores/corpus-documents.js';
import { corpusOf, embeddingsOf, queryOf, storeWithImages } from './grounding.js';
import { describeOperator } from './operator-contract.js';
import { quietLog, resourcesWith, runOperator } from './run-operator.js';

const documents = captions.map((caption) => corpusDocument(caption));
let corpus: Corpus;
let objects: ObjectStore;
beforeAll(async () => {
  corpus = await corpusOf(documents);
  objects = await storeWithImages(documents);
});
const resources = () => resourcesWith({ corpus, objects });
const flow = (text: string, changes: Partial<NonNullable<Flow['query']>> = {}): Flow => ({
  query: { ...queryOf(text), ...changes },
  embeddings: embeddingsOf(text),
});

describeOperator(retrieve, {
  resources,
  good: () => flow('a fox in the snow'),
  bad: () => ({
    flow: { ...flow('a fox'), embeddings: { model: 'another', text: [1, 2, 3] } },
    code: 'VECTOR_INVALID',
  }),
});

describe('retrieve', () => {
  const contextOf = async (data: Flow, config = {}) => {
    const { emitted } = await runOperator(retrieve, config, resources(), [data]);
    return emitted[0]!.data.context!;
  };
  const found = async (data: Flow, config = {}) =>
    (await contextOf(data, config)).entries.map(({ caption }) => caption);

  it('finds documents that fit, and says from which corpus', async () => {
    const { entries, corpus: state, nearDuplicates } = await contextOf(flow('a fox in the snow'));
    expect(entries[0]).toMatchObject({ document: documents[0]!.id, image: documents[0]!.image, ranks: { lexical: 1 } });
    expect(state).toEqual(await corpus.state());
    expect(nearDuplicates).toEqual([]);
  });

  it('finds nothing rather than something that does not fit', async () => {
    for (const text of ['a submarine under the ice', 'an astronaut rides a horse', 'and on it was the'])
      expect(await found(flow(text)), text).toEqual([]);
  });

  it('puts first what the prompt names, unless told not to', async () => {
    const text = `a violin, and ${captions[1]}`;
    const named = async (config: object) =>
      (await contextOf(flow(text), config)).entries.map(({ ranks }) => ranks.named ?? 0);
    expect((await found(flow(text)))[0]).toBe(captions[1]);
    expect((await named({}))[0]).toBe(1);
    expect(Math.max(...(await named({ names: false })))).toBe(0);
  });

  it('lets the request say how', async () => {
    const text = 'the red fox, the cat on the sofa, the violin';
    expect(await found(flow(text))).toHaveLength(3);
    expect(await found(flow(text, { retrieval: { k: 1 } }))).toHaveLength(1);
    expect(await found(flow(text, { retrieval: false }))).toEqual([]);
    expect(await found(flow(text), { k: 0 })).toEqual([]);
    const { entries } = await contextOf(flow(text, { retrieval: { mode: 'lexical' } }));
    expect(entries.map(({ ranks }) => Object.keys(ranks))).toEqual([['lexical'], ['lexical'], ['lexical']]);
  });

  it('grounds text-to-video by itself, the other tasks when asked to', async () => {
    expect(await found(flow('a fox', { task: 'subject-driven' }))).toEqual([]);
    expect(await found(flow('a fox', { task: 'subject-driven', retrieval: {} }))).toContain(captions[0]);
    expect(await found(flow('a fox', { task: 'subject-driven' }), { tasks: ['subject-driven'] })).toContain(
      captions[0],
    );
  });

  it('never gives a medium itself, its source or its likeness, and tells what looks the same', async () => {
    const { hashes, provenance } = documents[0]!;
    const fox = (self: object) => flow('a red fox', { self });
    expect(await found(fox({ source: provenance.source }))).not.toContain(captions[0]);
    expect(await found(fox({ source: provenance.source }), { exclude: 'none' })).toContain(captions[0]);
    for (const self of [{ contentHash: hashes.content }, { perceptual: hashes.perceptual }]) {
      const { entries, nearDuplicates } = await contextOf(fox(self), { exclude: 'none' });
      expect(entries.map(({ caption }) => caption)).not.toContain(captions[0]);
      expect(nearDuplicates).toMatchObject([{ document: documents[0]!.id, event: provenance.event }]);
    }
  });

  it('looks for near-duplicates even where no context is wanted', async () => {
    const { hashes } = documents[0]!;
    const data = flow('a fox', { retrieval: false, self: { perceptual: hashes.perceptual } });
    expect((await contextOf(data)).nearDuplicates).toHaveLength(1);
  });

  it('looks at images only when the prompt holds one: a clip is searched for as a text prompt is', async () => {
    const text = 'something that has no name';
    const image = embedder.image(picture(captions[4]!));
    const clip: Flow = { query: queryOf(text), embeddings: { ...embeddingsOf(text), image } };
    expect(await found(clip)).toEqual([]);
    const part = { image: documents[4]!.image, role: 'subject' as const };
    const prompt: Flow = { ...clip, query: { ...queryOf(text), parts: [{ text }, part] } };
    expect((await found(prompt))[0]).toBe(captions[4]);
  });

  describe('when the object store lacks images', () => {
    const text = 'the red fox, the cat on the sofa, the violin';
    /** What is found in order, with what was counted and warned of, in two searches. */
    async function without(...gone: string[]) {
      const there = await storeWithImages(documents.filter((document) => !gone.includes(document.id)));
      const [counted, told] = [[] as string[], [] as string[]];
      const log = { ...quietLog, warn: (fields: object) => told.push((fields as { document: string }).document) };
      const given = resourcesWith({ corpus, objects: there, log, count: (what) => counted.push(what) });
      const { emitted } = await runOperator(retrieve, { k: 2 }, given, [flow(text), flow(text)]);
      const [first, second] = emitted.map(({ data }) => data.context!.entries.map(({ document }) => document));
      expect(second).toEqual(first);
      expect([...told].sort()).toEqual([...new Set(told)].sort());
      return { found: first!, told: told.sort(), counted };
    }
    const best = async () => (await contextOf(flow(text), { k: 3 })).entries.map(({ document }) => document);

    it('takes the next best instead, counts what it passed over, and tells of it once', async () => {
      const [first, second, third] = await best();
      expect(await without()).toEqual({ found: [first, second], told: [], counted: [] });
      expect(await without(first!)).toEqual({
        found: [second, third],
        told: [first],
        counted: ['document-without-image', 'document-without-image'],
      });
    });

    it('goes on with what is left, and without context when nothing is', async () => {
      const [first, second, third] = await best();
      expect((await without(first!, third!)).found[0]).toBe(second);
      const all = documents.map(({ id }) => id);
      const { found, told } = await without(...all);
      expect(found).toEqual([]);
      expect(told).toEqual(expect.arrayContaining([first, second, third]));
    });

    it('does not take other bytes under that name', async () => {
      const [first, second] = await best();
      const there = await storeWithImages(documents);
      const { image } = documents.find(({ id }) => id === first)!;
      await there.put(image.key, Buffer.from('another picture'), { mediaType: 'image/webp' });
      const { emitted } = await runOperator(retrieve, { k: 1 }, resourcesWith({ corpus, objects: there }), [
        flow(text),
      ]);
      expect(emitted[0]!.data.context!.entries.map(({ document }) => document)).toEqual([second]);
    });
  });

  it('keeps to the licences', async () => {
    expect(await found(flow('a fox'), { licences: ['MIT'] })).toEqual([]);
    expect(await found(flow('a fox'), { licences: ['CC0-1.0'] })).toContain(captions[0]);
  });
});
