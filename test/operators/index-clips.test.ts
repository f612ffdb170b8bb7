import { beforeAll, describe, expect, it } from 'vitest';
import { decodeEvent } from '../../src/events/cloudevents.js';
import type { CorpusDocument } from '../../src/events/schemas.js';
import type { Flow } from '../../src/operators/flow.js';
import { indexClips } from '../../src/operators/index-clips.js';
import type { Corpus } from '../../src/stores/corpus.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import { corpusOf, embeddingsOf, fileStore, queryOf, stillOf } from './grounding.js';
import { describeOperator } from './operator-contract.js';
import { resourcesWith, runOperator } from './run-operator.js';

let objects: ObjectStore;
let corpus: Corpus;
beforeAll(async () => {
  objects = await fileStore();
  corpus = await corpusOf([]);
});
const resources = (of = corpus) => resourcesWith({ corpus: of });

async function flow(text: string, changes: Partial<NonNullable<Flow['clip']>> = {}): Promise<Flow> {
  const clip = { ...(await stillOf(text, objects)), ...changes };
  const media = { uri: `media/${text}.png`, source: 'somebody', licence: 'CC0-1.0' };
  return { clip, media, query: queryOf(text, clip), embeddings: embeddingsOf(text) };
}

describeOperator(indexClips, { resources, good: () => flow('a fox'), bad: null });

describe('index', () => {
  async function published(data: Flow, config = {}, of = corpus): Promise<CorpusDocument[]> {
    const { settlements } = await runOperator(indexClips, config, resources(of), [data]);
    return settlements[0]!.outputs.map((record) => {
      const stored = { ...record, partition: 0, offset: 0, timestamp: 0 };
      const document = decodeEvent(stored, ['corpus.document']).data as CorpusDocument;
      expect(record).toMatchObject({ topic: 'corpus', key: Buffer.from(document.id) });
      return document;
    });
  }

  it('publishes a document with embeddings, hashes and provenance', async () => {
    const data = await flow('a fox');
    const [document] = await published(data);
    expect(document).toMatchObject({
      caption: 'a fox',
      image: data.clip!.keyframe,
      retrievable: true,
      hashes: { content: data.clip!.keyframe.sha256, perceptual: data.clip!.perceptual },
      provenance: { uri: 'media/a fox.png', source: 'somebody', licence: 'CC0-1.0', event: 'test-0-0' },
    });
    expect(document!.embeddings.caption[3]).toBeCloseTo(data.embeddings!.text[3]!, 5);
    expect(document!.embeddings.image).toHaveLength(128);
  });

  it('names it by caption and image: the same again is the same, another caption is another', async () => {
    const [one] = await published(await flow('a fox'));
    const [same] = await published(await flow('a fox'));
    const other = await flow('a fox');
    const [another] = await published({ ...other, query: queryOf('a red fox') });
    expect(same!.id).toBe(one!.id);
    expect(another!.id).not.toBe(one!.id);
  });

  it('keeps clips for deduplicate only, unless keyframes are wanted', async () => {
    const clip = { kind: 'clip', start: 1, duration: 2 } as const;
    expect(await published(await flow('a fox', clip))).toMatchObject([
      { retrievable: false, provenance: { start: 1, duration: 2 } },
    ]);
    expect(await published(await flow('a fox', clip), { documents: 'keyframes' })).toMatchObject([
      { retrievable: true },
    ]);
  });

  it('publishes nothing that the corpus has, but a still where it had a clip', async () => {
    const still = await flow('a fox');
    const asClip = await flow('a fox', { kind: 'clip' });
    const withClip = await corpusOf(await published(asClip));
    expect(await published(asClip, {}, withClip)).toEqual([]);
    const [upgraded] = await published(still, {}, withClip);
    expect(upgraded).toMatchObject({ retrievable: true });
    const withStill = await corpusOf([upgraded!]);
    expect(await published(still, {}, withStill)).toEqual([]);
    expect(await published(asClip, {}, withStill)).toEqual([]);
  });
});
