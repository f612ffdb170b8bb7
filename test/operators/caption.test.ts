import { expect, it } from 'vitest';
import { caption } from '../../src/operators/caption.js';
import type { Flow } from '../../src/operators/flow.js';
import { describeOperator } from './operator-contract.js';
import { fates, resourcesWith, runOperator } from './run-operator.js';

const ref = (digit: string) => ({
  key: `images/${digit}`,
  size: 1,
  sha256: digit.repeat(64),
  media_type: 'image/webp',
});
const captioned = (given?: string, sidecar?: string): Flow => ({
  media: { uri: 'fox.mp4', ...(given !== undefined && { caption: given }) },
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
  resources: () => resourcesWith({}),
  good: () => captioned('A fox runs.'),
  bad: () => ({ flow: captioned(), code: 'CAPTION_MISSING' }),
});

it('makes the query of a request out of a caption', async () => {
  const { emitted } = await runOperator(caption, {}, resourcesWith({}), [captioned('  A fox\n\truns. ', 'unused')]);
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
  const run = await runOperator(caption, {}, resourcesWith({}), flows);
  expect(run.emitted.map(({ data }) => data.query!.text)).toEqual(['From beside', 'From beside']);
  expect(fates(run)).toEqual(['delivered', 'delivered', 'CAPTION_MISSING']);
});

it('refuses what is too long', async () => {
  const run = await runOperator(caption, { max_characters: 5 }, resourcesWith({}), [
    captioned('12345'),
    captioned('123456'),
  ]);
  expect(fates(run)).toEqual(['delivered', 'PROMPT_TOO_LONG']);
});

it('[kind 8] [media F27] [media F28] refuses words for nothing, control characters and half a surrogate pair', async () => {
  const texts = ['nan', ' NULL ', 'None', 'n/a', 'a naan bread', 'a\u0000fox', 'a \ud83d fox', 'a 🦊'];
  const run = await runOperator(
    caption,
    {},
    resourcesWith({}),
    texts.map((text) => captioned(text)),
  );
  expect(fates(run)).toEqual([
    ...Array(4).fill('CAPTION_MISSING'),
    'delivered',
    'CAPTION_UNREADABLE',
    'CAPTION_UNREADABLE',
    'delivered',
  ]);
});
