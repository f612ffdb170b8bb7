import type { Workspace } from './workspace.js';

/** Documents; of a folder of objects beside the index, a snapshot would be one copy more on the same disk. */
const everyByDefault = { s3: 10_000, files: 0 };
const noteEveryMs = 3_600_000;

/** While pipelines run: snapshots of their index are stored when they are due, and it is noted that it is current. */
export async function tendIndex(workspace: Workspace): Promise<{ stop(): Promise<void> }> {
  const { search, objects } = workspace.topology.profile;
  if (search.type !== 'embedded') return { stop: async () => {} };
  const every = search.snapshot_every ?? everyByDefault[objects.type];
  const snapshots = every > 0 ? await workspace.indexSnapshots() : null;
  snapshots?.start(every);
  // What fails there is logged by the follower.
  const timer = setInterval(() => void workspace.corpusIsCurrent().catch(() => {}), noteEveryMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      await snapshots?.stop(every);
    },
  };
}
