import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Labels } from '../../../src/events/caption.js';
import type { Flow } from '../../../src/flow/flow.js';
import type { Resources } from '../../../src/flow/operator.js';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import { caption } from '../../../src/operators/media/caption.js';
import { memoryObjects } from '../../../src/stores/objects/memory.js';
import { httpCaptioner, isGrey } from '../../models/captioners/http-captioner.js';
import { storedImage } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator, thrownBy } from '../run-operator.js';

const around = (more: Partial<Resources> = {}) => resourcesWith({ embedder: createEmbedder(), ...more });
const ref = (digit: string) => ({
  key: `images/${digit}`,
  size: 1,
  sha256: digit.repeat(64),
  media_type: 'image/webp',
});
const captioned = (given?: string, sidecar?: string, labels?: Labels): Flow => ({
  media: { uri: 'fox.mp4', ...(given !== undefined && { caption: given }), ...(labels && { labels }) },
  file: {
    path: '/fox.mp4',
    size: 1,
    sha256: 'c'.repeat(64),
    identity: '',
    uri: 'fox.mp4',
    source: 'zoo',
    licence: 'CC0-1.0',
    sidecar,
  },
  clip: {
    ...{ kind: 'clip', object: ref('a'), keyframe: ref('b'), start: 0, duration: 2, frames: 24, fps: 12 },
    ...{ width: 64, height: 48, motion: 0.02, perceptual: '0123456789abcdef', imageEmbedding: [1] },
  },
});

describeOperator(caption, {
  resources: () => around(),
  good: () => captioned('A fox runs.'),
  bad: () => ({ flow: captioned(), code: 'CAPTION_MISSING' }),
});

it('makes the query of a request out of a caption', async () => {
  const { emitted } = await runOperator(caption, {}, around(), [captioned('  A fox\n\truns. ', 'unused')]);
  expect(emitted[0]!.data.query).toEqual({
    task: 'text-to-video',
    parts: [{ text: 'A fox runs.' }],
    text: 'A fox runs.',
    retrieval: undefined,
    self: { source: 'zoo', contentHash: 'b'.repeat(64), perceptual: '0123456789abcdef' },
  });
});

it('takes the sidecar where the event says nothing, blanks being nothing', async () => {
  const flows = [captioned(undefined, 'From beside'), captioned(' \n ', 'From beside'), captioned(' ', '\t')];
  const run = await runOperator(caption, {}, around(), flows);
  expect(run.emitted.map(({ data }) => data.query!.text)).toEqual(['From beside', 'From beside']);
  expect(outcomes(run)).toEqual(['delivered', 'delivered', 'CAPTION_MISSING']);
});

it('refuses what is too long', async () => {
  const run = await runOperator(caption, { max_characters: 5 }, around(), [captioned('12345'), captioned('123456')]);
  expect(outcomes(run)).toEqual(['delivered', 'PROMPT_TOO_LONG']);
});

it('[kind 8] [media F27] [media F28] refuses words for nothing, control characters and half a surrogate pair', async () => {
  const texts = ['nan', ' NULL ', 'None', 'n/a', 'a naan bread', 'a\u0000fox', 'a \ud83d fox', 'a 🦊'];
  const run = await runOperator(
    caption,
    {},
    around(),
    texts.map((text) => captioned(text)),
  );
  expect(outcomes(run)).toEqual([
    ...Array(4).fill('CAPTION_MISSING'),
    'delivered',
    'CAPTION_UNREADABLE',
    'CAPTION_UNREADABLE',
    'delivered',
  ]);
});

const from = ['given', 'sidecar', { template: 'a {colour} {animal}' }];
const labels = { colour: ' red ', animal: 'fox', legs: 4 };

it('keeps the caption of each captioner in their order, with who made it; the first is the query', async () => {
  const run = await runOperator(caption, { from }, around(), [
    captioned('A fox\nruns', undefined, labels),
    captioned(undefined, 'From beside', labels),
    captioned(undefined, undefined, labels),
  ]);
  const template = { text: 'a red fox', by: 'template', language: 'en' };
  expect(run.emitted.map(({ data }) => data.captions)).toEqual([
    [{ text: 'A fox runs', by: 'given', language: 'en' }, template],
    [{ text: 'From beside', by: 'sidecar', language: 'en' }, template],
    [template],
  ]);
  expect(run.emitted.map(({ data }) => data.query!.text)).toEqual(['A fox runs', 'From beside', 'a red fox']);
});

it('keeps as many as are wanted, so that later captioners only stand in', async () => {
  const flows = [captioned('A fox', undefined, labels), captioned('nan', undefined, labels)];
  const run = await runOperator(caption, { from, most: 1 }, around(), flows);
  expect(run.emitted.map(({ data }) => data.captions!.map(({ by }) => by))).toEqual([['given'], ['template']]);
});

it('makes no caption of labels of which one is missing or a word for nothing, and puts each in as it is', async () => {
  const flows: Labels[] = [
    { colour: 'red' },
    { colour: 'red', animal: 'NaN' },
    { colour: 'red', animal: '   ' },
    { colour: '{animal} $& $1', animal: 'fox' },
    { colour: 'red', animal: 'f\u0000x' },
    JSON.parse('{"colour":"red","__proto__":"fox"}'),
    { colour: 0, animal: false },
  ];
  const run = await runOperator(
    caption,
    { from: [{ template: '{colour} {animal}' }] },
    around(),
    flows.map((of) => captioned('unused', undefined, of)),
  );
  expect(outcomes(run)).toEqual([
    ...Array(3).fill('CAPTION_MISSING'),
    'delivered',
    'CAPTION_UNREADABLE',
    'CAPTION_MISSING',
    'delivered',
  ]);
  expect(run.emitted.map(({ data }) => data.query!.text)).toEqual(['{animal} $& $1 fox', '0 false']);
});

it.each([
  { from: [] },
  { from: ['gifen'] },
  { from: [{ template: 'no label' }] },
  { from: [{ template: '{}' }] },
  { from: [{ template: '{a}', given: true }] },
  { from: [{ server: { url: 'ftp://captioner/', name: 'x' } }] },
  { from: [{ server: { url: 'http://captioner/', name: 'x', key: 'no\nheader' } }] },
  { from: [{ server: { url: 'http://captioner/', name: 'x', seconds: 301 } }] },
])('refuses the setting %j', (config) => {
  expect(caption.config.safeParse(config).success).toBe(false);
});

describe('with a captioner that is a server', () => {
  const objects = memoryObjects();
  /** Flows of clips with keyframes of these colours. */
  const coloured = (...colours: string[]) =>
    Promise.all(
      colours.map(async (colour): Promise<Flow> => {
        const flow = captioned('A fox');
        return { ...flow, clip: { ...flow.clip!, keyframe: await storedImage(around({ objects }), colour) } };
      }),
    );
  const run = async (server: object, flows: Flow[]) => {
    const made = await runOperator(caption, { from: ['given', { server }] }, around({ objects }), flows);
    await made.instance.close!();
    return made;
  };

  it('adds what it says of each keyframe, and is told what others said', async () => {
    const { url, asked, close } = await httpCaptioner(({ colour: [red], texts }) => ({
      caption: `${texts[0]!.text}, ${red > 128 ? 'red' : 'blue'}`,
    }));
    const { emitted } = await run({ url, name: 'looker' }, await coloured('#ff0000', '#0000ff'));
    await close();
    expect(emitted.map(({ data }) => data.captions!.map(({ text, by }) => `${by}: ${text}`)).sort()).toEqual([
      ['given: A fox', 'looker: A fox, blue'],
      ['given: A fox', 'looker: A fox, red'],
    ]);
    expect(emitted.map(({ data }) => data.query!.text)).toEqual(['A fox', 'A fox']);
    expect(asked).toHaveLength(2);
  });

  it('waits while it is away, and rejects nothing', async () => {
    let calls = 0;
    const { url, close } = await httpCaptioner((_, response) => {
      if (++calls > 6) return { caption: 'x' };
      return void response.writeHead(503).end();
    });
    const made = await run({ url, name: 'looker' }, await coloured('#ff0000', '#0000ff'));
    await close();
    expect(outcomes(made)).toEqual(['delivered', 'delivered']);
    expect(calls).toBeGreaterThan(7);
  });

  it('rejects the medium on which it fails after three tries, and goes on with the others', async () => {
    const { url, asked, close } = await httpCaptioner((one, response) =>
      one.colour[0] > 200 && !isGrey(one) ? void response.writeHead(500).end('out of memory') : { caption: 'x' },
    );
    const made = await run({ url, name: 'looker' }, await coloured('#ff0000', '#0000ff'));
    await close();
    expect(outcomes(made)).toEqual(['CAPTIONER_FAILED', 'delivered']);
    expect(made.settlements[0]!.outcome).toMatchObject({ attempts: 3 });
    // Each try, each with a look at another image; and the other clip.
    expect(asked).toHaveLength(7);
  });
});

it('asks a net in a folder, which lies where the topology does', async () => {
  const objects = memoryObjects();
  const topologyFolder = join(import.meta.dirname, '../../models/encoders/onnx/fixtures');
  const reached = around({ objects, topologyFolder });
  const flow = captioned();
  const clip = { ...flow.clip!, keyframe: await storedImage(reached, '#0000ff') };
  const { emitted, instance } = await runOperator(caption, { from: ['given', { net: 'captioner' }] }, reached, [
    { ...flow, clip },
  ]);
  await instance.close!();
  expect(emitted[0]!.data.captions).toEqual([
    {
      text: 'a car moves',
      by: expect.stringMatching(/^captioner\/[0-9a-f]{16}$/),
      score: expect.any(Number),
      language: 'en',
    },
  ]);
  const missing = caption.create(caption.config.parse({ from: [{ net: 'not-there' }] }), reached);
  expect(await thrownBy(() => missing.open!())).toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
});

describe('what is measured of a caption', () => {
  const scored = async (text: string, more: Partial<Resources> = {}, image = [1]) => {
    const flow = captioned(text);
    const clip = { ...flow.clip!, scores: { sharpness: 0.5 }, imageEmbedding: image };
    const { emitted } = await runOperator(caption, {}, around(more), [{ ...flow, clip }]);
    return emitted[0]!.data;
  };

  it('stands beside the scores of the clip', async () => {
    const { clip, captions } = await scored('A fox runs on a hill');
    expect(clip!.scores).toEqual({
      ...{ sharpness: 0.5, caption_words: 6, caption_repetition: 0, caption_boilerplate: 0 },
    });
    expect(captions![0]!.language).toBe('en');
  });

  it('counts words and tells languages of every script', async () => {
    for (const [text, count, language] of [
      ['der Hund rennt auf dem Hügel', 6, 'de'],
      ['一只红色的狐狸在雪地里奔跑', 8, 'zh'],
      ['キツネが走る', 3, 'ja'],
      ['лиса бежит', 2, 'ru'],
      ['🦊', 1, 'en'],
    ] as const) {
      const { clip, captions } = await scored(text);
      expect([captions![0]!.language, clip!.scores!.caption_words]).toEqual([language, count]);
    }
  });

  it('compares the text with the image where the encoder has both in one space', async () => {
    const text = async (one: string) => (one.includes('fox') ? [0.6, 0.8] : [0, -1]);
    const embedder = { ...createEmbedder(), joint: true, text };
    expect((await scored('a fox', { embedder }, [0, 1])).clip!.scores!.caption_agreement).toBeCloseTo(0.8, 10);
    expect((await scored('an owl', { embedder }, [0, 1])).clip!.scores!.caption_agreement).toBeCloseTo(-1, 10);
    // Vectors of another encoder: nothing can be said.
    expect((await scored('a fox', { embedder }, [1])).clip!.scores).not.toHaveProperty('caption_agreement');
  });
});

it('takes a text of the file itself where it reads like a caption, and says that it did', async () => {
  const written = (texts: string[], given?: string): Flow => ({
    ...captioned(given),
    probe: { ...{ kind: 'still', width: 64, height: 48, duration: 0, fps: 0, codec: 'jpeg', hasAlpha: false }, texts },
  });
  const from = ['given', 'sidecar', 'metadata'] as const;
  const flows = [
    written(['OLYMPUS DIGITAL CAMERA', 'A red\nfox']),
    written(['A red fox'], 'A fox runs.'),
    written(['OLYMPUS DIGITAL CAMERA', 'fox']),
    written([]),
    captioned(),
  ];
  const run = await runOperator(caption, { from }, around(), flows);
  const made = run.emitted.map(({ data }) => data.captions!.map(({ text, by }) => `${by}: ${text}`));
  expect(made).toEqual([['metadata: A red fox'], ['given: A fox runs.', 'metadata: A red fox']]);
  expect(outcomes(run)).toEqual(['delivered', 'delivered', 'CAPTION_MISSING', 'CAPTION_MISSING', 'CAPTION_MISSING']);
  // Nobody asks for it by default.
  expect(outcomes(await runOperator(caption, {}, around(), [written(['A red fox'])]))).toEqual(['CAPTION_MISSING']);
});
