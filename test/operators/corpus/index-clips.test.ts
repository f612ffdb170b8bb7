import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { CorpusDocument } from '../../../src/events/schemas.js';
import type { Flow } from '../../../src/flow/flow.js';
import { indexClips } from '../../../src/operators/corpus/index-clips.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { corpusOf, embeddingsOf, fileStore, queryOf, stillOf } from '../grounding-resources.js';
import { fetched } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { resourcesWith, runOperator } from '../run-operator.js';

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
      provenance: {
        uri: 'media/a fox.png',
        source: 'somebody',
        licence: 'CC0-1.0',
        event: 'test-0-0',
        event_source: '/test/test',
      },
    });
    expect(document!.embeddings.caption[3]).toBeCloseTo(data.embeddings!.text[3]!, 5);
    expect(document!.embeddings.image).toHaveLength(128);
  });

  it('keeps all captions of its medium, and what was said of it where that is no caption', async () => {
    const data = await flow('a fox');
    const captions = [
      { text: 'a fox', by: 'template' },
      { text: 'an animal', by: 'looker/1', score: 0.5 },
    ];
    const file = fetched(join(import.meta.dirname, 'index-clips.test.ts'));
    const media = { ...data.media!, labels: { label: 'fox' } };
    const [document] = await published({ ...data, media, file, captions });
    expect(document).toMatchObject({ captions, provenance: { said: '{"label":"fox"}' } });
    expect((await published(data))[0]).not.toHaveProperty('captions');
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

  it('names the clip of a motion example', async () => {
    const still = await flow('a fox');
    const { object } = still.clip!;
    const moving = await flow('a fox', { kind: 'clip', start: 1, duration: 2, frames: 24, fps: 12 });
    expect(await published(moving, { clips: true })).toMatchObject([
      { kind: 'clip', retrievable: false, clip: { ...object, frames: 24, fps: 12, seconds: 2 } },
    ]);
    const [plain] = await published(moving);
    expect(plain).toMatchObject({ kind: 'clip' });
    expect(plain).not.toHaveProperty('clip');
    const [image] = await published(still, { clips: true });
    expect(image).toMatchObject({ kind: 'still', retrievable: true });
    expect(image).not.toHaveProperty('clip');
  });

  it('gives films of one caption that pass through one frame documents of their own', async () => {
    const one = await flow('a ball', { kind: 'clip' });
    const other = await flow('a ball', { kind: 'clip', object: { ...one.clip!.object, sha256: 'e'.repeat(64) } });
    const ids = [one, other, await flow('a ball')].map(async (data) => (await published(data))[0]!.id);
    expect(new Set(await Promise.all(ids)).size).toBe(3);
  });

  it('publishes nothing that the corpus has, unless more of it can be retrieved', async () => {
    const still = await flow('a fox');
    const moving = await flow('a fox', { kind: 'clip', frames: 24, fps: 12 });
    const known = await corpusOf([...(await published(moving)), ...(await published(still))]);
    expect(await published(still, {}, known)).toEqual([]);
    expect(await published(moving, {}, known)).toEqual([]);
    expect(await published(moving, { documents: 'keyframes' }, known)).toMatchObject([{ retrievable: true }]);
    const [motion] = await published(moving, { clips: true }, known);
    expect(motion!.clip).toBeDefined();
    const more = await corpusOf([motion!]);
    expect(await published(moving, { clips: true }, more)).toEqual([]);
    expect(await published(moving, {}, more)).toEqual([]);
  });
});
