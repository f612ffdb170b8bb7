import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { makeWorkFolder } from '../../src/app/work-folder.js';
import { Workspace } from '../../src/app/workspace.js';
import { addKey, keyPath } from '../../src/server/keys/key-file.js';
import { quietLog } from '../operators/run-operator.js';
import { ownTopology } from '../server/served.js';

/** Each part begins in a folder of its own, as if it were the first to make it. */
const parts: [name: string, make: (workspace: Workspace, topology: string) => Promise<unknown>, path: string][] = [
  ['the log', (workspace) => workspace.transport(), '.vimi'],
  ['objects', (workspace) => workspace.objects(), '.vimi/objects'],
  ['the index', (workspace) => workspace.corpus(), '.vimi/index'],
  ['keys', (_, topology) => addKey(keyPath(dirname(topology), {}), 'me', ['read']), '.vimi'],
  ['work', async (workspace) => (await makeWorkFolder(workspace.topology.profile.work, 'test')).remove(), '.vimi/work'],
];

it.each(parts)(
  '%s: a folder that vimi makes is for its owner alone, and so are those above it',
  async (_, make, path) => {
    const topology = await ownTopology();
    const folder = dirname(topology);
    const workspace = await Workspace.open({ topology, log: quietLog });
    try {
      await make(workspace, topology);
      for (let at = path; at !== '.'; at = dirname(at))
        expect(statSync(join(folder, at)).mode.toString(8), at).toBe('40700');
      expect(readdirSync(join(folder, path))).not.toEqual([]);
    } finally {
      await workspace.close();
    }
  },
);
