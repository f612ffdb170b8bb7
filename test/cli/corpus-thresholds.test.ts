import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusThresholds } from '../../src/cli/commands/corpus-thresholds.js';
import { testFolder } from '../media/make-media.js';
import { thrownBy } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

const folder = await testFolder();
let media: string;
let workspace: Workspace;

const told = async (limit: string[] = []) =>
  JSON.parse(await written((out) => corpusThresholds(workspace, { limit, json: true, list: true }, out)));

beforeAll(async () => {
  media = await makeMedia(folder);
  workspace = await project(join(folder, 'first'), '{ score_only: true }');
  await takeIn(workspace, media);
}, patience(120));
afterAll(() => workspace.close());

describe('vimi corpus thresholds', { timeout: patience(120) }, () => {
  it('has the scores of all clips, and drops none with score_only', async () => {
    const { clips, media: many, topology, score_only } = await told();
    expect([clips, many, score_only]).toEqual([7, 3, true]);
    // The still scene and the black one.
    expect(topology).toMatchObject({ kept: 5, dropped: { 'too-still': 2 } });
    expect(topology.limits).toMatchObject({ min_seconds: 0.5, min_motion: 0.015, max_letterbox: 1 });
  });

  const sets = [
    ['max_black=0.5', 'min_motion=0'],
    ['max_letterbox=0.2', 'max_frozen=0.5', 'min_sharpness=0.005'],
    ['min_seconds=2.5', 'min_brightness=0.3'],
  ];
  it.each(sets.map((set) => [set]))('counts what a run with %j keeps and drops, to the clip', async (set) => {
    const { set: wanted, changed } = await told(set);
    const settings = set.map((one) => one.replace('=', ': ')).join(', ');
    const other = await project(join(folder, set.join()), `{ ${settings} }`);
    try {
      const { parts } = await takeIn(other, media);
      const { duplicate = 0, ...dropped } = parts.dropped;
      expect({ kept: parts.delivered + duplicate, dropped }).toEqual({ kept: wanted.kept, dropped: wanted.dropped });
      expect(changed.length).toBeGreaterThan(0);
    } finally {
      await other.close();
    }
  });

  it('says of other values of each limit what they would keep, in words that hold', async () => {
    const text = await written((out) => corpusThresholds(workspace, {}, out));
    expect(text).toContain('7 clips and stills of 3 media have scores');
    const [, value, kept] = /^ {2}min_sharpness .*?([\d.]+): (\d+)$/m.exec(text)!;
    expect((await told([`min_sharpness=${value}`])).set.kept).toBe(Number(kept));
    const table = text.split('\n').filter((line) => line.startsWith('  '));
    const places = new Set(table.map((line) => /^\s+\S+\s+/.exec(line)![0].length));
    expect([table.length > 5, places.size]).toEqual([true, 1]);
  });

  it('names the nearest limit, and the range of its values', async () => {
    expect(await thrownBy(() => told(['min_sharpnes=1']))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining("did you mean 'min_sharpness'"),
    });
    expect((await thrownBy(() => told(['max_black=x']))).message).toContain('expected a number, found max_black=x');
    for (const wrong of ['max_black=2', 'max_black=', 'max_black', 'max_black=x'])
      expect(await thrownBy(() => told([wrong]))).toMatchObject({ code: 'USAGE' });
  });

  it('refuses limits that no clip could keep to, in whatever order they are set', async () => {
    for (const wrong of [
      ['caption_words.min=5', 'caption_words.max=2'],
      ['caption_words.max=2', 'caption_words.min=5'],
      ['min_brightness=0.6', 'max_brightness=0.2'],
    ])
      expect(await thrownBy(() => told(wrong))).toMatchObject({
        code: 'USAGE',
        message: expect.stringMatching(
          /No clip could keep to these limits: expected (\S+) at most \S+ \([\d.]+\), found \1=/,
        ),
      });
    expect((await told(['caption_words.min=2', 'caption_words.max=2'])).set.kept).toBeGreaterThan(0);
  });

  it('knows every score that clips have, and which clips were dropped before it was measured', async () => {
    const { other_values: values, set } = await told(['caption_words.min=3', 'min_motion=0.015']);
    // "a test film" has three words, the stills have two each.
    expect(set).toMatchObject({ kept: 3, dropped: { 'low-caption-words': 2, 'too-still': 2 }, unmeasured: {} });
    expect(values.map(({ limit }: { limit: string }) => limit)).toEqual(
      expect.arrayContaining(['caption_words.min', 'caption_words.max', 'caption_boilerplate.max']),
    );
    expect((await told(['languages=de'])).set).toMatchObject({ kept: 0, dropped: { language: 5, 'too-still': 2 } });
    expect((await told(['languages=de, en'])).set).toMatchObject({ kept: 5 });
    for (const wrong of [
      'caption_words=3',
      'caption_wrds.min=3',
      'caption_words.min=x',
      'caption_words.min=',
      'languages=',
    ])
      expect(await thrownBy(() => told([wrong]))).toMatchObject({ code: 'USAGE' });
  });

  it('counts what a limit says nothing of, where clips were dropped before it was measured', async () => {
    const other = await project(join(folder, 'early'), '{}');
    try {
      await takeIn(other, media);
      const out = await written((to) =>
        corpusThresholds(other, { limit: ['min_motion=0', 'caption_words.min=3'] }, to),
      );
      expect(out).toMatch(
        /with min_motion=0, .*: 5 kept, 2 dropped \(low-caption-words 2\); 2 kept without caption_words\.min, which nothing measured of them/,
      );
    } finally {
      await other.close();
    }
  });
});
