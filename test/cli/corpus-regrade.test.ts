import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusRegrade } from '../../src/cli/commands/corpus-regrade.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { corpusThresholds } from '../../src/cli/commands/corpus-thresholds.js';
import { decodeEvent, encodeEvent } from '../../src/events/cloudevents.js';
import type { ClipSettled } from '../../src/events/schemas.js';
import { testFolder } from '../media/make-media.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

const folder = await testFolder();
let workspace: Workspace;

beforeAll(async () => {
  workspace = await project(join(folder, 'first'), '{ max_black: 0.5, min_motion: 0 }');
  await takeIn(workspace, await makeMedia(folder));
}, patience(120));
afterAll(() => workspace.close());

const regraded = async (options: object) =>
  (await written((out) => corpusRegrade(workspace, { json: true, ...options }, out)))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .at(-1);
const documents = async () => (await (await workspace.corpusIsCurrent()).find({})).length;

describe('vimi corpus regrade', { timeout: patience(120) }, () => {
  it('does nothing where nothing changes, and nothing on a dry run', async () => {
    expect(await documents()).toBe(6);
    expect(await regraded({})).toMatchObject({ fails: 0, passes: 0 });
    expect(await regraded({ limit: ['max_letterbox=0.2'], dryRun: true })).toMatchObject({ fails: 1, removed: 0 });
    expect(await documents()).toBe(6);
  });

  it('removes the documents that do not keep to the limits, and names what passes now', async () => {
    const limit = ['max_letterbox=0.2', 'min_sharpness=0.001', 'max_black=1'];
    const would = JSON.parse(await written((out) => corpusThresholds(workspace, { limit, json: true }, out)));
    const text = await written((out) => corpusRegrade(workspace, { limit, dryRun: true }, out));
    // The black one is flat, so it stays out.
    expect(text).not.toContain('passes now');
    const done = await regraded({ limit });
    expect(done).toMatchObject({ fails: 2, removed: 2, passes: 0 });
    expect(await documents()).toBe(4);
    expect(await documents()).toBe(would.set.kept);
    expect(await regraded({ limit })).toMatchObject({ fails: 0 });
    const passes = await written((out) => corpusRegrade(workspace, { limit: ['max_black=1'] }, out));
    expect(passes).toMatch(/film\.mp4#2, 4\.0 to 6\.0 s: black \(black 1\): passes now/);
    // The corpus has other clips of that film, so it would be dropped as known.
    const film = join(folder, 'media/film.mp4');
    expect(passes).toContain(
      `1 clip that was dropped would pass now. To have it, set these limits in the topology, then
  vimi corpus remove --uri ${film} --rewrite-shards
  vimi corpus remove --uri ${film} --lift
  vimi ingest ${film}
`,
    );
    expect(await regraded({ limit: ['max_black=1'] })).toMatchObject({ ingest_again: [film], remove_first: [film] });
  });

  it('tells how many documents stay since nothing measured what a limit asks', async () => {
    const transport = await workspace.transport();
    // A net came after most of the corpus: one of its clips has the score.
    for await (const record of transport.read('clips')) {
      // Of a clip whose document was removed, nothing is left but its key.
      if (record.value === null) continue;
      const clip = decodeEvent(record, ['clip.settled']).data as ClipSettled;
      if (clip.outcome !== 'delivered' || clip.clip.kind !== 'still') continue;
      const data = { ...clip, scores: { ...clip.scores, safety: 0.2 } };
      const key = record.key!.toString();
      await transport.publish([
        encodeEvent({ schema: 'clip.settled', id: 'again', source: '/test', topic: 'clips', key, data }),
      ]);
      break;
    }
    const limit = ['safety.max=0.5'];
    expect(await regraded({ limit })).toMatchObject({ fails: 0, unmeasured: { 'safety.max': 3 } });
    const text = await written((out) => corpusRegrade(workspace, { limit }, out));
    expect(text).toBe(
      'no document is known to fail the limits\n3 kept without safety.max, which nothing measured of them\n',
    );
    const done = await written((out) => corpusRegrade(workspace, { limit: ['safety.max=0.1'] }, out));
    expect(done).toContain('3 kept without safety.max, which nothing measured of them\n');
    expect(await documents()).toBe(3);
    // A still: nothing else of its medium is left.
    const [, id, uri] = /\n {2}vimi corpus remove ([0-9a-f]{64}) --lift\n {2}vimi ingest (\S+)\n$/.exec(done)!;
    await written((out) => corpusRemove(workspace, [id!], { lift: true }, out));
    await takeIn(workspace, uri!);
    expect(await documents()).toBe(4);
  });
});
