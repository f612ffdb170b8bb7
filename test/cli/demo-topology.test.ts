import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { withinMediaRoots } from '../../src/app/ingest/media-roots.js';
import { Workspace } from '../../src/app/workspace.js';
import { writeDemoTopology } from '../../src/cli/commands/demo-topology.js';
import { quietLog } from '../operators/run-operator.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const images = join(import.meta.dirname, '../../examples/media/images');

it('gives the demo a corpus of its own, and leave to read its media, wherever it is started [use U13]', async () => {
  const demo = join(folder, '.vimi/demo');
  const workspace = await Workspace.open({ topology: await writeDemoTopology(demo), log: quietLog });
  const { topology } = workspace;
  const { transport, objects, search, work } = topology.profile;
  const places = [transport, objects, search].map((part) => (part as { path: string }).path);
  for (const path of [...places, work]) expect(dirname(join(path, '.')) === demo || path === demo, path).toBe(true);
  const media = readdirSync(images).map((name) => join(images, name));
  expect(await withinMediaRoots(media, [images], topology)).toEqual({ within: new Set(media), linksOut: [] });
  expect(topology.pipelines.map(({ name }) => name).sort()).toEqual(['backfill', 'corpus', 'generate']);
  expect(readFileSync(join(demo, 'topology.yaml'), 'utf8')).toContain('- index: { clips: true }');
  await workspace.close();
});
