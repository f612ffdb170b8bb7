import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { allShards } from '../../src/app/samples/live-shards.js';
import { Workspace } from '../../src/app/workspace.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { written } from './small-corpus.js';

const root = join(import.meta.dirname, '../..');
const folder = await testFolder();

async function examples(kind: string, names: readonly string[], endings: readonly string[]): Promise<string> {
  const to = join(folder, kind);
  await mkdir(to, { recursive: true });
  for (const name of names)
    for (const ending of endings)
      await cp(join(root, `examples/media/${kind}/${name}.${ending}`), join(to, `${name}.${ending}`));
  return to;
}

/** Takes the folders in, one after the other, in a workspace of its own; gives name and hash of each shard. */
async function shardsOf(name: string, media: readonly string[]): Promise<string[]> {
  await mkdir(join(folder, name));
  const topology = join(folder, name, 'topology.yaml');
  const shipped = await readFile(join(root, 'topology.yaml'), 'utf8');
  await writeFile(topology, shipped.replace('media_roots: [.]', 'media_roots: [/]'));
  const workspace = await Workspace.open({ topology, log: quietLog });
  try {
    for (const one of media) await written((out) => ingest(workspace, [one], { signal: never }, out));
    const shards = (await allShards(workspace)).flatMap(({ live }) => live);
    return shards.map(({ shard, object }) => `${shard} ${object.sha256}`).sort();
  } finally {
    await workspace.close();
  }
}

it(
  'gives the same shards, byte for byte, in two new workspaces',
  async () => {
    const stills = await examples('images', ['fox', 'mushroom', 'rocket'], ['png', 'txt']);
    const names = ['fox-left-blue', 'automobile-left-green', 'penguin-right-yellow'];
    const clips = await examples('clips', names, ['mp4', 'txt']);
    const first = await shardsOf('first', [stills, clips]);
    expect(first.length).toBeGreaterThan(1);
    expect(await shardsOf('second', [stills, clips])).toEqual(first);
  },
  patience(300),
);
