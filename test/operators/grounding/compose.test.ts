import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/events/canonical-json.js';
import type { ContextEntry, PromptPart } from '../../../src/events/prompt.js';
import { generationRequested } from '../../../src/events/schemas.js';
import type { Flow } from '../../../src/flow/flow.js';
import { compose } from '../../../src/operators/grounding/compose.js';
import { composePrompt } from '../../../src/operators/grounding/compose-prompt.js';
import { embed } from '../../../src/operators/grounding/embed.js';
import { retrieve } from '../../../src/operators/grounding/retrieve.js';
import { caption } from '../../../src/operators/media/caption.js';
import { admit } from '../../../src/operators/requests/admit.js';
import { captions, corpusDocument, embedder } from '../../stores/corpus/corpus-documents.js';
import { corpusOf, queryOf, stillOf, storeWithImages } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import { resourcesWith, runOperator } from '../run-operator.js';

const image = (name: string) => ({
  key: `images/${name}.webp`,
  size: 1,
  sha256: 'a'.repeat(64),
  media_type: 'image/webp',
});
const entry = (text: string): ContextEntry => ({
  document: 'b'.repeat(64),
  caption: text,
  image: image(text.replaceAll(' ', '-')),
  score: 0.03,
  ranks: { lexical: 1 },
});
const entries = [entry('a white dog'), entry('a brown dog')];
const corpus = { documents: 2, digest: '0'.repeat(32) };

describeOperator(compose, {
  resources: () => resourcesWith({}),
  good: () => ({ query: queryOf('a dog plays'), context: { entries, nearDuplicates: [], corpus } }),
  bad: null,
});

describe('composePrompt', () => {
  const parts: PromptPart[] = [{ text: 'A Coton de Tulear is playing in a yard.' }];

  it('puts retrieved captions and images before the prompt, as many as asked for', () => {
    expect(composePrompt({ task: 'text-to-video', parts }, entries, { images: 1 })).toEqual({
      task: 'text-to-video',
      instruction: 'Generate a video with the retrieved text-image pairs.',
      parts: [{ text: 'a white dog' }, { image: image('a-white-dog'), role: 'reference' }, ...parts],
    });
    expect(composePrompt({ task: 'text-to-video', parts }, entries, { images: 2 }).parts).toHaveLength(5);
    expect(composePrompt({ task: 'text-to-video', parts }, entries, { images: 5 }).parts).toHaveLength(5);
  });

  it('puts motion examples between the images and the prompt’s own parts; they are no images', () => {
    const clip = { ...image('runs'), media_type: 'video/mp4', frames: 24, fps: 12, seconds: 2 };
    const motion = { ...entry('a cat runs'), clip };
    const { parts: all, instruction } = composePrompt({ task: 'text-to-video', parts }, [...entries, motion], {
      images: 1,
    });
    expect(all).toEqual([
      { text: 'a white dog' },
      { image: image('a-white-dog'), role: 'reference' },
      { clip, caption: 'a cat runs', role: 'motion' },
      ...parts,
    ]);
    expect(instruction).toBe('Generate a video with the retrieved text-image pairs.');
    const alone = composePrompt({ task: 'text-to-video', parts }, [motion], { images: 3 });
    expect(alone).toEqual({
      task: 'text-to-video',
      instruction: 'Generate a video with the text.',
      parts: [{ clip, caption: 'a cat runs', role: 'motion' }, ...parts],
    });
  });

  it('takes after the first only what the prompt names, if told so', () => {
    const found = [entry('a dog'), entry('a dog house'), { ...entry('a yard'), ranks: { named: 2 } }];
    const texts = (images: number) =>
      composePrompt({ task: 'text-to-video', parts }, found, { images, further: 'named' }).parts.flatMap((part) =>
        'text' in part ? [part.text] : [],
      );
    expect(texts(3)).toEqual(['a dog', 'a yard', 'A Coton de Tulear is playing in a yard.']);
    expect(texts(1)).toEqual(['a dog', 'A Coton de Tulear is playing in a yard.']);
  });

  it('takes what the request pins, named or not, as far as images are allowed', () => {
    const pinned = ['a dog', 'a boat'].map((text, n) => ({ ...entry(text), ranks: { pinned: n + 1 } }));
    const found = [...pinned, entry('a dog house'), { ...entry('a yard'), ranks: { named: 1 } }];
    const texts = (images: number) =>
      composePrompt({ task: 'text-to-video', parts: [] }, found, { images, further: 'named' }).parts.flatMap((part) =>
        'text' in part ? [part.text] : [],
      );
    expect(texts(3)).toEqual(['a dog', 'a boat', 'a yard']);
    expect(texts(1)).toEqual(['a dog']);
  });

  it('speaks of text alone when nothing was retrieved, or nothing may enter', () => {
    const alone = { task: 'text-to-video', instruction: 'Generate a video with the text.', parts };
    expect(composePrompt({ task: 'text-to-video', parts }, [], { images: 1 })).toEqual(alone);
    expect(composePrompt({ task: 'text-to-video', parts }, entries, { images: 0 })).toEqual(alone);
  });

  it('gives the other tasks their instruction', () => {
    const frame: PromptPart = { image: image('first'), role: 'first-frame' };
    expect(composePrompt({ task: 'prediction', parts: [...parts, frame] }, [], { images: 1 })).toEqual({
      task: 'prediction',
      instruction: 'Generate a video with the text and first frame.',
      parts: [...parts, frame],
    });
    expect(composePrompt({ task: 'subject-driven', parts }, entries, { images: 1 }).instruction).toBe(
      'Generate a video with the text and image subjects.',
    );
  });
});

describe('the ground segment', () => {
  it('gives a request and a training sample of one caption and context the same prompt, byte for byte', async () => {
    const documents = captions.map((text) => corpusDocument(text));
    const objects = await storeWithImages(documents);
    const resources = resourcesWith({ objects, embedder, corpus: await corpusOf(documents), mediaRoots: [] });
    const through = async (flow: Flow, steps: (typeof embed)[], config: Record<string, object> = {}) => {
      let data = flow;
      for (const step of steps) {
        const { emitted } = await runOperator(step, { ...config[step.name] }, resources, [data]);
        data = emitted[0]!.data;
      }
      return data;
    };
    const text = 'A fox runs  across the bridge ';
    const request = { request: generationRequested.parse({ prompt: text }) };
    const served = await through(request, [admit, embed, retrieve, compose]);

    const clip = await stillOf('a clip of its own', objects);
    const media = { uri: 'clips/fox.mp4', caption: 'A fox  runs across\nthe bridge' };
    const file = {
      path: '/nowhere',
      size: 1,
      sha256: 'c'.repeat(64),
      identity: '',
      uri: media.uri,
      source: 'me',
      licence: 'MIT',
    };
    const trained = await through({ media, file, clip }, [caption, embed, retrieve, compose]);

    expect(served.context!.entries.map(({ caption }) => caption)).toEqual(['a red fox runs through snow']);
    expect(served.prompt!.parts.length).toBe(3);
    expect(Buffer.from(canonicalJson(served.prompt)).equals(Buffer.from(canonicalJson(trained.prompt)))).toBe(true);
    expect(canonicalJson(served.context)).toBe(canonicalJson(trained.context));
  });
});
