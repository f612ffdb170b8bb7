import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeDemoTopology } from '../../src/cli/commands/demo-topology.js';
import { checkMediaRoots } from '../../src/cli/commands/media-roots.js';
import { Workspace } from '../../src/cli/workspace.js';
import { quietLog } from '../operators/run-operator.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const images = join(import.meta.dirname, '../../examples/media/images');

it('gives the demo a corpus of its own, and leave to read its media, wherever it is started [use U13]', async () => {
  const demo = join(folder, '.vimi/demo');
  const workspace = await Workspace.open({ topology: await writeDemoTopology(demo), log: quietLog });
  const { topology } = workspace;
  const { transport, objects, search } = topology.profile;
  for (const place of [transport, objects, search])
    expect((place as { path: string }).path.startsWith(demo), JSON.stringify(place)).toBe(true);
  await checkMediaRoots(
    readdirSync(images).map((name) => join(images, name)),
    topology,
  );
  expect(topology.pipelines.map(({ name }) => name).sort()).toEqual(['corpus', 'generate']);
  await workspace.close();
});
