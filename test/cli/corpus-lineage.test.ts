import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allShards } from '../../src/app/samples/live-shards.js';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusLineage, type Lineage } from '../../src/cli/commands/corpus-lineage.js';
import { corpusSearch } from '../../src/cli/commands/corpus-search.js';
import { corpusShow } from '../../src/cli/commands/corpus-show.js';
import { corpusStats } from '../../src/cli/commands/corpus-stats.js';
import { testFolder } from '../media/make-media.js';
import { h264, make } from '../media/recipes.js';
import { thrownBy } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

const folder = await testFolder();
let film: string;
let workspace: Workspace;

beforeAll(async () => {
  const media = await makeMedia(folder);
  film = join(media, 'film.mp4');
  workspace = await project(join(folder, 'first'), '{ min_seconds: 0.5 }');
  await takeIn(workspace, media);
}, patience(120));
afterAll(() => workspace.close());

const lineage = async (name: string): Promise<Lineage> =>
  JSON.parse(await written((out) => corpusLineage(workspace, name, { json: true }, out)));

describe('what is known of a corpus', { timeout: patience(120) }, () => {
  it('leads from a file to clips, documents, samples, and each drop with its reason and score', async () => {
    const { clips, medium } = await lineage(film);
    expect(medium).toMatchObject({ outcome: 'delivered', parts: { delivered: 3, dropped: { 'too-still': 2 } } });
    expect(clips.map(({ part, outcome, reason }) => [part, outcome, reason])).toEqual([
      ['0', 'delivered', undefined],
      ['1', 'dropped', 'too-still'],
      ['2', 'dropped', 'too-still'],
      ['3', 'delivered', undefined],
      ['4', 'delivered', undefined],
    ]);
    expect(clips.map(({ document, sample }) => [Boolean(document), Boolean(sample)])).toEqual(
      [true, false, false, true, true].map((made) => [made, made]),
    );
    const text = await written((out) => corpusLineage(workspace, film, {}, out));
    expect(text).toContain('dropped #2, 4.0 to 6.0 s: too-still (motion 0)');
    expect(text).toContain('black 1');
  });

  it('names samples as their shards hold them, and leads back from each', async () => {
    const { clips } = await lineage(film);
    const made = clips.filter(({ sample }) => sample);
    const objects = await workspace.objects();
    const shards = (await allShards(workspace)).flatMap(({ live }) => live);
    for (const { sample, shards: names, document, part } of made) {
      const shard = shards.find(({ shard: name }) => name === names![0])!;
      const tar = await objects.get(shard.object.key);
      expect(tar.includes(`${sample}.json`)).toBe(true);
      for (const name of [sample!, document!, `${film}#${part}`]) {
        const back = await lineage(name);
        expect(back.uri).toBe(film);
        expect(back.clips.filter(({ asked }) => asked).map((clip) => clip.part)).toEqual([part]);
      }
    }
  });

  it('shows a document with its scores and its sample', async () => {
    const { document, sample } = (await lineage(film)).clips[0] as { document: string; sample: string };
    const text = await written((out) => corpusShow(workspace, document, {}, out));
    expect(text).toMatch(/^caption {4}a test film {2}\(sidecar\)$/m);
    expect(text).toContain(`sample     ${sample}  in media-`);
    expect(text).toMatch(/^scores {5}motion 0\.\d+, sharpness/m);
    const told = JSON.parse(await written((out) => corpusShow(workspace, document, { json: true }, out)));
    expect(told).toMatchObject({ id: document, caption: 'a test film', clip: { sample } });
  });

  it('counts what there is', async () => {
    const told = JSON.parse(await written((out) => corpusStats(workspace, { json: true }, out)));
    expect(told).toMatchObject({
      documents: { all: 5, retrievable: 2, by_licence: { unknown: 5 }, by_source: {}, without_source: 5 },
      media: { delivered: 3 },
      stills: { delivered: 2 },
      clips: { delivered: 3, 'too-still': 2 },
      seconds: { kept: 6, all: 10 },
      ...{ shards: 1, samples: 3 },
    });
    expect(told.scores.black).toMatchObject({ least: 0, most: 1 });
    // Stills do not move: the middle one of five clips.
    expect(told.scores.motion.middle).toBeGreaterThan(0.1);
    const text = await written((out) => corpusStats(workspace, {}, out));
    expect(text).toMatch(/^clips {6}delivered 3, too-still 2$/m);
    expect(text).toMatch(/^sources {4}not named 5$/m);
    // Names longer than most do not push their numbers out of line.
    expect(
      new Set(
        text
          .slice(text.indexOf('score '))
          .trimEnd()
          .split('\n')
          .map((line) => line.length),
      ).size,
    ).toBe(1);
  });

  it('finds documents by words, and names each by the id that shows it', async () => {
    const options = { k: 1, mode: 'hybrid' } as const;
    const [, id] = / {2}([0-9a-f]{64})$/m.exec(await written((out) => corpusSearch(workspace, 'fox', options, out)))!;
    expect(await written((out) => corpusShow(workspace, id!, {}, out))).toMatch(/^caption /m);
  });

  it('gives each clip its own document, also where two have the same keyframe', async () => {
    const paused = join(folder, 'paused.mkv');
    const film = "testsrc2=s=160x120:r=12:d=2,setpts='if(lt(N,12),N,N+60)/12/TB'";
    await make(folder, 'paused.mkv', ['-f', 'lavfi', '-i', film, '-vsync', 'vfr', ...h264]);
    await writeFile(join(folder, 'paused.txt'), 'a paused film');
    const other = await project(join(folder, 'paused'), '{ score_only: true }');
    try {
      await takeIn(other, paused);
      const { clips, others } = JSON.parse(
        await written((out) => corpusLineage(other, paused, { json: true }, out)),
      ) as Lineage;
      expect(new Set(clips.map(({ clip }) => clip.keyframe)).size).toBeLessThan(clips.length);
      const documents = clips.map(({ document }) => document);
      expect([documents.every(Boolean), new Set(documents).size, others]).toEqual([true, clips.length, []]);
      const [, second] = documents;
      const back = JSON.parse(await written((out) => corpusLineage(other, second!, { json: true }, out))) as Lineage;
      expect(back.clips.filter(({ asked }) => asked).map(({ part }) => part)).toEqual(['1']);
    } finally {
      await other.close();
    }
  });

  it('says when nothing is known by a name', async () => {
    expect(await thrownBy(() => lineage('nothing'))).toMatchObject({ code: 'USAGE' });
    expect(await thrownBy(() => written((out) => corpusShow(workspace, 'a'.repeat(64), {}, out)))).toMatchObject({
      code: 'USAGE',
    });
  });
});
