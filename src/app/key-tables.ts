import { join } from 'node:path';
import { KeyTable } from '../stores/key-table.js';
import { makeWorkFolder } from './work-folder.js';
import type { Workspace } from './workspace.js';

/** Tables of one command; their files go with it. */
export interface KeyTables {
  /** An empty one. */
  make(): KeyTable;
  close(): Promise<void>;
}

export async function openKeyTables({ topology }: Pick<Workspace, 'topology'>): Promise<KeyTables> {
  const folder = await makeWorkFolder(topology.profile.work, 'keys');
  const made: KeyTable[] = [];
  return {
    make() {
      const table = new KeyTable(join(folder.path, `${made.length}.sqlite`));
      made.push(table);
      return table;
    },
    async close() {
      for (const table of made) table.close();
      await folder.remove();
    },
  };
}
