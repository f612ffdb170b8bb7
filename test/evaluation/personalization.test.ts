import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Features } from '../../src/evaluation/features/read-features.js';
import { temporalConsistency } from '../../src/evaluation/metrics/temporal-consistency.js';
import { sampleRequests } from '../../src/evaluation/personalization/sample-requests.js';
import { readMsrvtt, readOpenS2v } from '../../src/evaluation/personalization/samples.js';
import { subjectSimilarities, videoSimilarities } from '../../src/evaluation/personalization/similarities.js';
import { scoreMsrvtt, scoreOpenS2v } from '../../src/evaluation/tasks/personalization.js';
import { testFolder } from '../media/make-media.js';

const folder = await testFolder();
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const rows = (...list: number[][]): Features => ({
  ...{ n: list.length, d: list[0]!.length, values: Float64Array.from(list.flat()) },
});

describe('samples', () => {
  test('of MSRVTT-Personalization are three lists, with a Python dictionary a line', async () => {
    const files = {
      names: file('videos.txt', 'video1\nvideo2\n'),
      prompts: file('prompts.txt', 'a brown horse runs\na man in a garden'),
      references: file(
        'tags.txt',
        `{'horse': ['horse.1.png', "o'neill.png"]}\n{'man': ['m\\'s.png'], 'garden': ['/g.jpg']}`,
      ),
    };
    expect(await readMsrvtt(files, '/data')).toEqual([
      {
        id: 'video1',
        prompt: 'a brown horse runs',
        references: [{ word: 'horse', images: ['/data/horse.1.png', "/data/o'neill.png"] }],
      },
      {
        ...{ id: 'video2', prompt: 'a man in a garden' },
        references: [
          { word: 'man', images: ["/data/m's.png"] },
          { word: 'garden', images: ['/g.jpg'] },
        ],
      },
    ]);
    for (const wrong of ["{'horse': 'x.png'}", "{'horse': ['x.png']", "{'horse': ['x.png']} more", "{'horse': []}"])
      await expect(
        readMsrvtt(
          { ...files, names: file('one.txt', 'v'), prompts: file('p.txt', 'p'), references: file('r.txt', wrong) },
          '/',
        ),
      ).rejects.toMatchObject({ code: 'USAGE' });
    await expect(readMsrvtt({ ...files, prompts: file('p.txt', 'one') }, '/')).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('of OpenS2V-Eval are one JSON file', async () => {
    const told = {
      singleobj_1: { prompt: 'a cup on a table', img_paths: ['Images/cup.jpg'], class_label: ['Cup'], more: 1 },
    };
    expect(await readOpenS2v(file('open.json', JSON.stringify(told)), '/data')).toEqual([
      {
        id: 'singleobj_1',
        prompt: 'a cup on a table',
        references: [{ word: 'cup', images: ['/data/Images/cup.jpg'] }],
      },
    ]);
    for (const wrong of ['{', '{"a": {"prompt": "x"}}', '{"../a": {"prompt": "x", "img_paths": []}}'])
      await expect(readOpenS2v(file('open.json', wrong), '/')).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test('a request has the images in the places of their words, and those without a place before the text', () => {
  const [event] = sampleRequests(
    'opens2v',
    [
      {
        ...{ id: 's_1', prompt: 'A horseman and a Horse in a garden' },
        references: [
          { word: 'garden', images: ['/g.jpg'] },
          { word: 'horse', images: ['/h.png', '/h2.png'] },
          { word: 'cup', images: ['/c.png'] },
        ],
      },
    ],
    { seed: 7, settings: { frames: 16 } },
  );
  expect(event).toMatchObject({ id: 'opens2v-s_1', source: '/vimi/eval/opens2v', data: { seed: 7, frames: 16 } });
  const at = (uri: string) => ({ image: { uri }, role: 'subject' });
  expect(event!.data.prompt).toEqual([
    ...[at('/c.png'), { text: 'A horseman and a' }, at('/h.png'), { text: 'in a' }, at('/g.jpg')],
  ]);
});

describe('scores, against numbers found by hand', () => {
  test('the video similarity is over all pairs of frames', () => {
    // One sample: (1,0), (0,1) against (1,0), (3,4): 1, .6, 0, .8.
    expect(videoSimilarities(rows([1, 0], [0, 1]), rows([1, 0], [3, 4]), 1)[0]).toBeCloseTo(0.6, 12);
    // Two samples of one frame each do not mix.
    expect(videoSimilarities(rows([1, 0], [0, 2]), rows([5, 0], [4, 3]), 2)).toEqual([1, expect.closeTo(0.6, 12)]);
    expect(() => videoSimilarities(rows([1], [1], [1]), rows([1], [1]), 2)).toThrow(/multiple of 2/);
    expect(() => videoSimilarities(rows([1, 2]), rows([1]), 1)).toThrow(/two nets/);
  });

  test('a subject that was not found counts as 0', () => {
    // Three frames, two images of the subject: (1 + .6)/2, nothing, (0 + .8)/2.
    const crops = rows([1, 0], [0, 0], [0, 1]);
    expect(subjectSimilarities(crops, rows([1, 0], [3, 4]), 1)[0]).toBeCloseTo((0.8 + 0 + 0.4) / 3, 12);
  });

  test('the consistency is 1 minus the mean difference of neighbouring frames', () => {
    const data = Uint8Array.from([0, 0, 0, 51, 0, 0, 51, 102, 0]);
    // Differences 51, 0, 0 and 0, 102, 0: a mean of 25.5.
    expect(temporalConsistency({ frames: 3, width: 1, height: 1, data })).toBeCloseTo(0.9, 12);
    expect(temporalConsistency({ frames: 1, width: 1, height: 1, data: data.slice(0, 3) })).toBeNaN();
  });

  test('have their published names only from the published nets', () => {
    const given = (net: string) => ({ net, rows: rows([1, 0], [0, 1]) });
    const names = (net: string) =>
      scoreMsrvtt({
        samples: 2,
        texts: given(net),
        frames: given(net),
        real: given(net),
        consistency: [1, 0.5],
      }).tables[0]!.rows.map(([name, , , , isPublished]) => [name, isPublished]);
    expect(names('clip-vit-l-14')).toEqual([
      ['Text-S', 'yes'],
      ['Vid-S', 'yes'],
      ['T-Cons', 'yes'],
    ]);
    expect(names('minilm')).toEqual([
      ...[
        ['text similarity (minilm)', 'NO'],
        ['video similarity (minilm)', 'NO'],
        ['T-Cons', 'yes'],
      ],
    ]);
  });

  test('of OpenS2V-Eval are means of all and of each category', () => {
    const scores = { face_1: { gme_score: 0.5 }, face_2: { gme_score: 0.7 }, obj_1: { gme_score: 0.3 } };
    const { tables, notes } = scoreOpenS2v([{ name: 'gmescore.json', scores }], ['face_1', 'face_2', 'obj_1', 'obj_2']);
    const {
      columns,
      rows: [row],
    } = tables[0]!;
    expect(columns).toEqual(['score', 'all', 'face', 'obj']);
    const means = row!.slice(1).map((cell) => (typeof cell === 'object' && 'value' in cell ? cell.value.mean : null));
    expect(means).toEqual([expect.closeTo(0.5, 12), expect.closeTo(0.6, 12), expect.closeTo(0.3, 12)]);
    expect(notes).toContain('gme_score: 1 of 4 samples have none.');
  });
});
