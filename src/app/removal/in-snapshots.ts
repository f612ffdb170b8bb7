import { join } from 'node:path';
import { asVimiError } from '../../core/errors.js';
import { callAtRest } from '../../stores/corpus/index/call-at-rest.js';
import { fetchFile } from '../../stores/corpus/snapshots/fetch-file.js';
import { type StoredSnapshot, snapshotPrefix, storedSnapshots } from '../../stores/corpus/snapshots/stored-snapshot.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { RemovalTable } from '../../stores/removals/removals.js';
import { makeWorkFolder } from '../work-folder.js';
import type { Workspace } from '../workspace.js';
import { removalFilters } from './removal-filters.js';

/** A snapshot of the index in the object store. With `error`: what it holds cannot be told. */
export interface SnapshotPlace {
  in: 'snapshot';
  snapshot: StoredSnapshot;
  documents: string[];
  error?: string;
}

/** Looks into the database of every snapshot of the index, whether it can still be used or not. */
export async function* inSnapshots(workspace: Workspace, removed: RemovalTable): AsyncGenerator<SnapshotPlace> {
  const objects = await workspace.objects();
  const { snapshots, unfinished } = await storedSnapshots(objects, workspace.corpusTopic());
  for (const snapshot of snapshots)
    try {
      const documents = await documentsIn(snapshot, objects, { work: workspace.topology.profile.work, removed });
      if (documents.length > 0) yield { in: 'snapshot', snapshot, documents };
    } catch (thrown) {
      const { code, message: error } = asVimiError(thrown);
      // A newer one has replaced it meanwhile.
      if (code !== 'OBJECT_NOT_FOUND') yield { in: 'snapshot', snapshot, documents: [], error };
    }
  const [first] = unfinished;
  if (first === undefined) return;
  const error = 'being stored, or left by a writer that died: vimi objects sweep removes it';
  yield { in: 'snapshot', snapshot: { id: first, keys: [], manifest: null }, documents: [], error };
}

async function documentsIn(
  { id, manifest, error }: StoredSnapshot,
  objects: ObjectStore,
  { work, removed }: { work: string; removed: RemovalTable },
): Promise<string[]> {
  if (!manifest) throw error!;
  const [database] = manifest.files;
  const folder = await makeWorkFolder(work, 'snapshot');
  try {
    const { name, ...announced } = database!;
    await fetchFile(objects, `${snapshotPrefix(manifest.topic)}${id}/${name}`, announced, join(folder.path, name));
    return await callAtRest('findInCopy', folder.path, removed.all().flatMap(removalFilters));
  } finally {
    await folder.remove();
  }
}
