import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusRegrade } from '../../src/cli/commands/corpus-regrade.js';
import { corpusThresholds } from '../../src/cli/commands/corpus-thresholds.js';
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
    expect(passes).toContain('ingest these 1 media again');
  });
});
