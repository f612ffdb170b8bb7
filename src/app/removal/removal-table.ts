import type { CorpusRemoved, RemovalTarget } from '../../events/schemas.js';
import { type Removals, RemovalTable, removalKey } from '../../stores/removals/removals.js';

/** All by which copies of what was removed are found: the targets themselves, and the documents that went with them. */
export function tableOf(
  targets: readonly RemovalTarget[],
  removals: Removals,
  documents: readonly CorpusRemoved[] = [],
): RemovalTable {
  const table = new RemovalTable();
  const keys = new Set(targets.map(removalKey));
  for (const target of targets) table.set(removalKey(target), removals.get(target) ?? target);
  for (const removal of [...documents, ...removals.all()])
    if (keys.has(removalKey(removal)) || (removal.under && keys.has(removalKey(removal.under))))
      table.set(removalKey(removal), removal);
  return table;
}
