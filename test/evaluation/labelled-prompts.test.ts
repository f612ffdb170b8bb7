import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readCaptions, readLabelledPrompts } from '../../src/evaluation/labelled-prompts.js';

const place = mkdtempSync(join(tmpdir(), 'vimi-labels-'));
afterAll(() => rmSync(place, { recursive: true }));
let n = 0;
const file = (...lines: unknown[]) => {
  const path = join(place, `${n++}.jsonl`);
  writeFileSync(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return path;
};

test('lists and judged pairs of one prompt are added up', async () => {
  const labels = await readLabelledPrompts([
    file(
      { prompt: 'a fox', fits: ['a fox', { caption: 'a red fox', grade: 3 }], misfits: ['a fire'], note: 'kept' },
      '',
      { prompt: 'a fox', caption: 'a foxglove', fits: false },
      { prompt: 'a car', caption: 'a taxi', fits: true },
      { prompt: 'a submarine', fits: [] },
    ),
    file(
      { prompt: 'a car', fits: [{ caption: 'a taxi', grade: 2 }, 'a bus'] },
      { prompt: 'a car', fits: ['a bus', 'a taxi'] },
    ),
  ]);
  expect(labels.map(({ prompt, fits, misfits }) => [prompt, [...fits], [...misfits]])).toEqual([
    ['a fox', [['a fox', 1], ['a red fox', 3]], ['a fire', 'a foxglove']], // biome-ignore format: a line a prompt
    [
      'a car',
      [
        ['a taxi', 2],
        ['a bus', 1],
      ],
      [],
    ],
    ['a submarine', [], []],
  ]);
});

test('captions of any list of media', async () => {
  expect(await readCaptions(file({ uri: 'a.png', caption: 'a fox' }, { uri: 'b.mp4' }, { caption: 'a fox' }))).toEqual([
    'a fox',
  ]);
});

test.each<[string, () => string, RegExp]>([
  ['no file', () => join(place, 'none'), /no such list/],
  ['a folder', () => place, /a folder/],
  ['no JSON', () => file('{"prompt": "a fox", "fits": []}', 'prompt'), /\.jsonl:2/],
  ['no label', () => file({ prompt: 'a fox' }), /\{ prompt, fits/],
  ['a grade of nothing', () => file({ prompt: 'a', fits: [{ caption: 'b', grade: 0 }] }), /\.jsonl:1/],
  ['one that contradicts itself', () => file({ prompt: 'a', fits: ['b'], misfits: ['b'] }), /\.jsonl:1/],
  [
    'one that contradicts an earlier one',
    () => file({ prompt: 'a', fits: ['b'] }, { prompt: 'c', fits: [] }, { prompt: 'a', caption: 'b', fits: false }),
    /'b' in fits or in misfits of the prompt 'a'.*\.jsonl:3/,
  ],
  ['a prompt that is empty', () => file({ prompt: '', fits: [] }), /\.jsonl:1/],
])('%s', async (_, make, says) => {
  const error = await readLabelledPrompts([make()]).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: 'LABELS_INVALID' });
  expect(error.message).toMatch(says);
});
