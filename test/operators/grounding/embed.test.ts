import { beforeAll, describe, expect, it } from 'vitest';
import type { Flow } from '../../../src/flow/flow.js';
import { embed } from '../../../src/operators/grounding/embed.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { embedder, image } from '../../stores/corpus/corpus-documents.js';
import { fileStore, queryOf, stillOf } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import { resourcesWith, runOperator } from '../run-operator.js';

let objects: ObjectStore;
beforeAll(async () => {
  objects = await fileStore();
});
const resources = () => resourcesWith({ objects, embedder });

async function withImage(name: string, broken = false): Promise<Flow> {
  const { keyframe } = await stillOf(name, objects);
  const image = broken ? { ...keyframe, sha256: '0'.repeat(64) } : keyframe;
  return { query: { ...queryOf('a dog'), parts: [{ text: 'a dog' }, { image, role: 'subject' }] } };
}

describeOperator(embed, {
  resources,
  good: () => ({ query: queryOf('a fox runs') }),
  bad: async () => ({ flow: await withImage('dog', true), code: 'OBJECT_DAMAGED' }),
});

describe('embed', () => {
  const embedded = async (flow: Flow) => {
    const { emitted } = await runOperator(embed, {}, resources(), [flow]);
    return emitted[0]!.data.embeddings!;
  };

  it('embeds the text', async () => {
    expect(await embedded({ query: queryOf('a fox runs') })).toEqual({
      model: embedder.name,
      text: embedder.text('a fox runs'),
    });
  });

  it('embeds the first image of the prompt', async () => {
    expect((await embedded(await withImage('dog'))).image).toEqual(embedder.image(image('dog', 64)));
  });

  it('takes the embedding of a clip as it is', async () => {
    const clip = await stillOf('cat', objects);
    expect((await embedded({ query: queryOf('a cat', clip), clip })).image).toBe(clip.imageEmbedding);
  });
});
