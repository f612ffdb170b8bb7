import { beforeAll, describe, expect, it } from 'vitest';
import type { Flow } from '../../../src/flow/flow.js';
import type { DocumentsRefused } from '../../../src/operators/grounding/retrieval/asked-documents.js';
import { retrieve } from '../../../src/operators/grounding/retrieve.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { noRemovals, RemovalTable } from '../../../src/stores/removals/removals.js';
import { captions, clipDocument, corpusDocument, embedder, image } from '../../stores/corpus/corpus-documents.js';
import { corpusOf, embeddingsOf, queryOf, storeWithImages } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import { quietLog, resourcesWith, runOperator } from '../run-operator.js';

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
    const shown = embedder.image(image(captions[4]!));
    const clip: Flow = { query: queryOf(text), embeddings: { ...embeddingsOf(text), image: shown } };
    expect(await found(clip)).toEqual([]);
    const part = { image: documents[4]!.image, role: 'subject' as const };
    const prompt: Flow = { ...clip, query: { ...queryOf(text), parts: [{ text }, part] } };
    expect((await found(prompt))[0]).toBe(captions[4]);
  });

  it('searches for each thing that a prompt names, when told to', async () => {
    const more = ['a cat on a sofa', 'a cat in a tree', 'a cat in the rain', 'a violin case'].map((caption) =>
      corpusDocument(caption),
    );
    const given = resourcesWith({
      ...{ corpus: await corpusOf([...documents, ...more]), embedder },
      objects: await storeWithImages([...documents, ...more]),
    });
    const text = 'cats, cats on sofas, cats in trees, cats in the rain, and a violin';
    const of = async (config: object) => {
      const { emitted } = await runOperator(retrieve, { k: 2, names: false, ...config }, given, [flow(text)]);
      return emitted[0]!.data.context!.entries.map(({ caption }) => caption);
    };
    expect(await of({})).not.toContain('a violin on a wooden table');
    expect(await of({ entities: true })).toHaveLength(2);
    expect(await of({ entities: true, k: 4 })).toContain('a violin on a wooden table');
  });

  it('takes another thing before the same again, when told to', async () => {
    const cats = ['a cat', 'a tabby cat', 'a black cat on the roof of a house'].map((caption) =>
      corpusDocument(caption),
    );
    cats[1] = { ...cats[1]!, embeddings: cats[0]!.embeddings };
    const given = resourcesWith({ corpus: await corpusOf(cats), objects: await storeWithImages(cats) });
    const of = async (config: object) => {
      const { emitted } = await runOperator(retrieve, { k: 2, names: false, ...config }, given, [flow('cats')]);
      return emitted[0]!.data.context!.entries.map(({ caption }) => caption);
    };
    expect(await of({})).toEqual(['a cat', 'a tabby cat']);
    expect(await of({ diversity: 0.5 })).toEqual(['a cat', 'a black cat on the roof of a house']);
  });

  it('orders by the profile’s reranker, unless told not to', async () => {
    const reranker = {
      sha256: '',
      scores: async (_: string, all: readonly string[]) => all.map((caption) => Number(/cat/.test(caption))),
      close: async () => {},
    };
    const given = resourcesWith({ corpus, objects, reranker });
    const of = async (config: object) => {
      const text = 'a violin, a fox, a rabbit, a cat';
      const { emitted } = await runOperator(retrieve, { k: 1, names: false, ...config }, given, [flow(text)]);
      return emitted[0]!.data.context!.entries[0]!;
    };
    expect(await of({})).toMatchObject({ caption: captions[7], ranks: { reranked: 1 } });
    expect((await of({ rerank: false })).ranks.reranked).toBeUndefined();
    expect((await of({ rerank: false })).caption).not.toBe(captions[7]);
  });

  it('keeps to the limits of scores, and searches deeper for what does', async () => {
    const scored = documents.map((document, n) => ({ ...document, scores: { nsfw: n === 7 ? 0.9 : 0.1 } }));
    const given = resourcesWith({ corpus: await corpusOf(scored), objects });
    const of = async (config: object) => {
      const text = 'the red fox, the cat on the sofa';
      const { emitted } = await runOperator(retrieve, { k: 1, ...config }, given, [flow(text)]);
      return emitted[0]!.data.context!.entries.map(({ caption }) => caption);
    };
    expect(await of({})).toEqual([captions[7]]);
    expect(await of({ scores: { nsfw: { max: 0.5 } } })).toEqual([captions[0]]);
    expect(await of({ scores: { aesthetic: { min: 0 } } })).toEqual([]);
    expect(retrieve.config.safeParse({ scores: { nsfw: {} } }).success).toBe(false);
  });

  describe('when the object store lacks images', () => {
    const text = 'the red fox, the cat on the sofa, the violin';
    /** What is found in order, with what was counted and warned of, in two searches. */
    async function without(...gone: string[]) {
      const there = await storeWithImages(documents.filter((document) => !gone.includes(document.id)));
      const [counted, told] = [[] as string[], [] as string[]];
      const log = { ...quietLog, warn: (fields: object) => told.push((fields as { document: string }).document) };
      const given = resourcesWith({ corpus, objects: there, log, count: ({ counter }) => counted.push(counter) });
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
      await there.put(image.key, Buffer.from('another image'), { mediaType: 'image/webp' });
      const { emitted } = await runOperator(retrieve, { k: 1 }, resourcesWith({ corpus, objects: there }), [
        flow(text),
      ]);
      expect(emitted[0]!.data.context!.entries.map(({ document }) => document)).toEqual([second]);
    });
  });

  describe('of a corpus with clips', () => {
    const clips = ['a brown dog runs on a beach', 'a grey cat runs', 'a dog sleeps'].map((caption) =>
      clipDocument(caption),
    );
    let given: ReturnType<typeof resources>;
    let there: ObjectStore;
    beforeAll(async () => {
      there = await storeWithImages([...documents, ...clips]);
      for (const { caption, clip } of clips)
        await there.put(clip.key, Buffer.from(`clip of ${caption}`), { mediaType: 'video/mp4', sha256: clip.sha256 });
      given = resourcesWith({ corpus: await corpusOf([...documents, ...clips]), objects: there });
    });
    const context = async (data: Flow, config = {}) =>
      (await runOperator(retrieve, config, given, [data])).emitted[0]!.data.context!;
    const motions = async (data: Flow, config = {}) =>
      (await context(data, { motions: 2, ...config })).entries.flatMap(({ caption, clip }) => (clip ? [caption] : []));

    it('takes motion examples when told to, behind the images', async () => {
      const before = await context(flow('a red fox runs'));
      expect(before.entries.map(({ clip }) => clip)).toEqual(before.entries.map(() => undefined));
      const { entries, corpus: state } = await context(flow('a red fox runs'), { motions: 1 });
      expect(entries.slice(0, -1)).toEqual(before.entries);
      expect(entries.at(-1)).toMatchObject({ clip: { frames: 24 }, ranks: { lexical: 1 }, score: expect.any(Number) });
      expect(state.documents).toBe(documents.length + clips.length);
      expect((await motions(flow('a fox runs'))).sort()).toEqual(['a brown dog runs on a beach', 'a grey cat runs']);
      expect(await motions(flow('a fox sits'))).toEqual([]);
    });

    it('lets the request say how many, and takes none where nothing is grounded', async () => {
      expect(await motions(flow('a fox runs', { retrieval: { motions: 1 } }))).toHaveLength(1);
      expect(await motions(flow('a fox runs', { retrieval: { motions: 1 } }), { motions: 0 })).toHaveLength(1);
      expect(await motions(flow('a fox runs', { retrieval: { motions: 0 } }))).toEqual([]);
      expect(await motions(flow('a fox runs', { retrieval: false }))).toEqual([]);
      expect(await motions(flow('a fox runs', { task: 'prediction' }))).toEqual([]);
      expect(await motions(flow('a fox runs', { retrieval: { k: 0 } }))).toHaveLength(2);
    });

    it('never takes the own source or a near-duplicate, and keeps to licences, scores and the order of a reranker', async () => {
      const dog = clips[0]!;
      const cat = ['a grey cat runs'];
      expect(await motions(flow('a fox runs', { self: { source: dog.provenance.source } }))).toEqual(cat);
      expect(await motions(flow('a fox runs', { self: { perceptual: dog.hashes.perceptual } }))).toEqual(cat);
      expect(await motions(flow('a fox runs'), { licences: ['MIT'] })).toEqual([]);
      expect(await motions(flow('a fox runs'), { scores: { nsfw: { max: 1 } } })).toEqual([]);
      const reranker = {
        ...{ sha256: '', close: async () => {} },
        scores: async (_: string, all: readonly string[]) => all.map((caption) => Number(/cat/.test(caption))),
      };
      const { emitted } = await runOperator(retrieve, { motions: 1 }, { ...given, reranker }, [
        flow('a dog runs on a beach'),
      ]);
      expect(emitted[0]!.data.context!.entries.at(-1)).toMatchObject({ caption: cat[0], ranks: { reranked: 1 } });
    });

    it('passes over a clip that the object store lacks, or that was removed', async () => {
      const dog = clips[0]!;
      const bytes = await there.get(dog.clip.key);
      await there.remove(dog.clip.key);
      expect(await motions(flow('a fox runs'))).toEqual(['a grey cat runs']);
      await there.put(dog.clip.key, bytes, { mediaType: 'video/mp4', sha256: dog.clip.sha256 });
      const removal = { kind: 'document', value: 'another', clip: dog.clip.sha256 } as const;
      const removals = {
        ...{ get: () => null, all: () => [removal], caughtUp: async () => {} },
        of: ({ clip }: { clip?: string }) => (clip === removal.clip ? removal : null),
      };
      const { emitted } = await runOperator(retrieve, { motions: 2 }, { ...given, removals }, [flow('a fox runs')]);
      expect(emitted[0]!.data.context!.entries.at(-1)!.caption).toBe('a grey cat runs');
    });
  });

  describe('with documents that the request names', () => {
    const [fox, rabbit, train, , , , , cat] = documents.map(({ id }) => id) as [string, string, string, ...string[]];
    const text = 'the red fox, the cat on the sofa, the violin';
    const asked = (retrieval: object) => flow(text, { retrieval });
    const ids = async (data: Flow, config = {}) =>
      (await contextOf(data, config)).entries.map(({ document }) => document);
    const refusal = async (retrieval: object, config = {}, given = resources()) => {
      const { settlements } = await runOperator(retrieve, config, given, [asked(retrieval)]);
      const outcome = settlements[0]!.outcome;
      if (outcome.kind !== 'rejected') throw new Error(`not rejected, but ${outcome.kind}`);
      expect(outcome.error).toMatchObject({ code: 'DOCUMENT_REFUSED', retryable: false });
      return (outcome.error as DocumentsRefused).mistakes.map(({ path, found }) => `${path.join('.')}: ${found}`);
    };

    it('puts the pinned ones first, in their order, none twice, and counts them towards k', async () => {
      const free = await ids(flow(text));
      expect(free).toHaveLength(3);
      const { entries, asked: told } = await contextOf(asked({ pin: [train, fox] }));
      expect(entries.map(({ document }) => document)).toEqual([train, fox, free.find((id) => id !== fox)]);
      expect(entries.map(({ ranks }) => ranks.pinned)).toEqual([1, 2, undefined]);
      expect(entries[0]).toMatchObject({ caption: captions[2], image: documents[2]!.image, score: 0 });
      expect(told).toEqual({ pin: [train, fox] });
      expect(await ids(asked({ pin: [fox], k: 1 }))).toEqual([fox]);
    });

    it('takes the pinned ones alone where k has no room for others', async () => {
      expect(await ids(asked({ pin: [train, rabbit], k: 0 }))).toEqual([train, rabbit]);
      expect(await ids(asked({ pin: [train, rabbit], k: 1 }))).toEqual([train, rabbit]);
      expect(await ids(flow(text, { task: 'prediction', retrieval: { pin: [train], k: 0 } }))).toEqual([train]);
    });

    it('never shows the excluded ones, and takes the next best in their place', async () => {
      const [first, second, third] = (await ids(flow(text))) as [string, string, string];
      expect(await ids(asked({ exclude: [first], k: 2 }))).toEqual([second, third]);
      expect(await ids(asked({ exclude: [first], k: 2 }), { diversity: 0.1 })).not.toContain(first);
      const { entries, asked: told } = await contextOf(asked({ exclude: [first, second, third] }));
      expect(entries).toEqual([]);
      expect(told).toEqual({ exclude: [first, second, third] });
      expect((await contextOf(flow(text))).asked).toBeUndefined();
    });

    it('refuses what is not in the corpus, all of it at once', async () => {
      const [none, nobody] = ['0'.repeat(64), 'f'.repeat(64)];
      expect(await refusal({ pin: [fox, none], exclude: [cat, nobody] })).toEqual([
        `retrieval.pin.1: ${none}, which it does not have`,
        `retrieval.exclude.1: ${nobody}, which it does not have`,
      ]);
      expect(await refusal({ exclude: [none], k: 0 })).toHaveLength(1);
    });

    it('refuses to pin what it would not retrieve: by licence, by score, no image, no picture in the store', async () => {
      expect(await refusal({ pin: [fox] }, { licences: ['MIT', 'CC-BY-4.0'] })).toEqual([
        `retrieval.pin.0: ${fox}, which has another`,
      ]);
      expect(await ids(asked({ pin: [train] }), { licences: ['CC0-1.0'] })).toContain(train);
      expect(await refusal({ pin: [fox] }, { scores: { nsfw: { max: 0.5 } } })).toEqual([
        `retrieval.pin.0: ${fox}, whose scores do not`,
      ]);
      const clip = clipDocument('a brown dog runs on a beach');
      const given = resourcesWith({ corpus: await corpusOf([...documents, clip]), objects });
      expect(await refusal({ pin: [clip.id] }, {}, given)).toEqual([`retrieval.pin.0: ${clip.id}, which is not`]);
      const there = await storeWithImages(documents.slice(1));
      expect(await refusal({ pin: [fox] }, {}, resourcesWith({ corpus, objects: there }))).toEqual([
        `retrieval.pin.0: ${fox}, whose image is missing there`,
      ]);
      await there.put(documents[0]!.image.key, Buffer.from('another image'), { mediaType: 'image/webp' });
      expect(await refusal({ pin: [fox] }, {}, resourcesWith({ corpus, objects: there }))).toHaveLength(1);
    });

    it('refuses to pin what was removed, though the index has it still; excluding it is no mistake', async () => {
      const removals = new RemovalTable();
      const gone = (kind: 'document' | 'source', value: string) => removals.set(`${kind}:${value}`, { kind, value });
      const given = resourcesWith({ corpus, objects, removals: { ...noRemovals, of: (thing) => removals.of(thing) } });
      const none = 'e'.repeat(64);
      gone('source', documents[0]!.provenance.source);
      gone('document', none);
      expect(await refusal({ pin: [fox, none] }, {}, given)).toEqual([
        `retrieval.pin.0: ${fox}, which was removed`,
        `retrieval.pin.1: ${none}, which was removed`,
      ]);
      const { emitted } = await runOperator(retrieve, {}, given, [asked({ exclude: [fox, none] })]);
      expect(emitted[0]!.data.context!.entries.map(({ document }) => document)).not.toContain(fox);
    });

    it('narrows what the step allows by the filter of a request, and never widens it', async () => {
      const all = await ids(flow(text));
      expect(await ids(asked({ filter: { licences: ['CC0-1.0', 'MIT'] } }))).toEqual(all);
      expect(await ids(asked({ filter: { licences: ['MIT'] } }))).toEqual([]);
      expect(await ids(asked({ filter: { licences: ['CC0-1.0'] } }), { licences: ['MIT'] })).toEqual([]);
      expect(await ids(asked({ filter: { licences: ['MIT', 'CC0-1.0'] } }), { licences: ['CC0-1.0'] })).toEqual(all);
      expect(await ids(asked({ filter: { licences: ['cc0-1.0'] } }))).toEqual([]);
      expect(await ids(asked({ filter: { scores: { constructor: { min: 0 } } } }))).toEqual([]);
      const none = await contextOf(asked({ motions: 2, filter: { licences: ['MIT'] } }), { licences: ['CC0-1.0'] });
      expect(none).toMatchObject({ entries: [], asked: { filter: { licences: ['MIT'] } } });
      expect(none.corpus.documents).toBe(documents.length);
    });

    it('looks at the scores that a request asks for, within those of the step', async () => {
      const scored = documents.map((one, n) => ({ ...one, scores: { sharpness: n } }));
      const given = resourcesWith({ corpus: await corpusOf(scored), objects });
      const found = async (filter: object, config = {}) => {
        const data = flow(text, { retrieval: { k: 16, filter } });
        const { emitted } = await runOperator(retrieve, config, given, [data]);
        return emitted[0]!.data.context!.entries.map(({ document }) => scored.findIndex(({ id }) => id === document));
      };
      const all = await found({ scores: { sharpness: { min: 0 } } });
      expect(all.length).toBeGreaterThan(1);
      const [some, most] = [Math.min(...all), Math.max(...all)];
      expect(await found({ scores: { sharpness: { max: some } } })).toEqual([some]);
      const narrow = { scores: { sharpness: { max: most - 1 } } };
      expect(await found({ scores: { sharpness: { max: most } } }, narrow)).not.toContain(most);
      expect(await found(narrow, { scores: { sharpness: { min: most } } })).toEqual([]);
      expect(await found({ scores: { loudness: { min: 0 } } })).toEqual([]);
    });

    it('refuses to pin what its own filter leaves out', async () => {
      expect(await refusal({ pin: [fox], filter: { licences: ['MIT'] } })).toEqual([
        `retrieval.pin.0: ${fox}, which has another`,
      ]);
      expect(await refusal({ pin: [fox], filter: { licences: ['MIT'] } }, { licences: ['CC0-1.0'] })).toHaveLength(1);
      expect(await refusal({ pin: [fox], filter: { scores: { nsfw: { max: 1 } } } })).toHaveLength(1);
    });

    it('excludes clips among the motion examples, too', async () => {
      const clips = ['a brown dog runs on a beach', 'a grey cat runs'].map((caption) => clipDocument(caption));
      const there = await storeWithImages([...documents, ...clips]);
      for (const { caption, clip } of clips)
        await there.put(clip.key, Buffer.from(`clip of ${caption}`), { mediaType: 'video/mp4', sha256: clip.sha256 });
      const given = resourcesWith({ corpus: await corpusOf([...documents, ...clips]), objects: there });
      const data = flow('a dog runs', { retrieval: { motions: 2, pin: [train], exclude: [clips[0]!.id] } });
      const { emitted } = await runOperator(retrieve, {}, given, [data]);
      const { entries } = emitted[0]!.data.context!;
      expect(entries[0]!.document).toBe(train);
      expect(entries.filter(({ clip }) => clip).map(({ caption }) => caption)).toEqual(['a grey cat runs']);
    });

    it('filters the motion examples, too', async () => {
      const clips = [0.9, 0.2].map((motion, n) => ({
        ...clipDocument(['a brown dog runs on a beach', 'a grey cat runs'][n]!),
        scores: { motion },
      }));
      const there = await storeWithImages([...documents, ...clips]);
      for (const { caption, clip } of clips)
        await there.put(clip.key, Buffer.from(`clip of ${caption}`), { mediaType: 'video/mp4', sha256: clip.sha256 });
      const given = resourcesWith({ corpus: await corpusOf([...documents, ...clips]), objects: there });
      const shown = async (filter?: object) => {
        const data = flow('a dog runs', { retrieval: { k: 0, motions: 2, ...(filter && { filter }) } });
        const { emitted } = await runOperator(retrieve, {}, given, [data]);
        return emitted[0]!.data.context!.entries.map(({ caption }) => caption);
      };
      const both = await shown();
      expect(both).toHaveLength(2);
      expect(await shown({ licences: ['CC0-1.0'] })).toEqual(both);
      expect(await shown({ licences: ['MIT'] })).toEqual([]);
      expect(await shown({ scores: { motion: { max: 0.5 } } })).toEqual(['a grey cat runs']);
    });
  });

  it('keeps to the licences', async () => {
    expect(await found(flow('a fox'), { licences: ['MIT'] })).toEqual([]);
    expect(await found(flow('a fox'), { licences: ['CC0-1.0'] })).toContain(captions[0]);
  });
});
