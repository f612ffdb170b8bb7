import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { bytesOf } from '../../stores/corpus/snapshots/stored-snapshot.js';
import { scaled } from '../scaled.js';

export interface CorpusSnapshotOptions {
  list?: boolean;
  json?: boolean;
}

/** Stores a snapshot of the embedded index when it has all that the topic has, or lists those that are there. USAGE with another engine. */
export async function corpusSnapshot(
  workspace: Workspace,
  { list = false, json = false }: CorpusSnapshotOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const snapshots = await workspace.indexSnapshots();
  if (!snapshots)
    throw new VimiError('USAGE', 'The search engine of this profile keeps its own index', {
      expected: 'search: { type: embedded }',
      found: workspace.topology.profile.search.type,
    });
  if (list) {
    for (const { id, manifest } of await snapshots.list()) {
      const { documents, current, positions } = manifest;
      const bytes = bytesOf(manifest);
      out.write(
        json
          ? `${JSON.stringify({ snapshot: id, documents, bytes, current, positions })}\n`
          : `${id}  ${documents} documents, ${scaled(bytes, 'B')}, all of the topic at ${current}\n`,
      );
    }
    return;
  }
  const { id, documents, bytes, stored } = await snapshots.make();
  out.write(
    json
      ? `${JSON.stringify({ snapshot: id, documents, bytes, stored })}\n`
      : `${id}: ${documents} documents, ${scaled(bytes, 'B')}${stored ? '' : '; it was there, and is current'}\n`,
  );
}
