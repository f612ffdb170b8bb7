import { within } from '../../core/within.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { decodePosition } from '../../streams/delivery/position.js';
import type { Workspace } from '../workspace.js';

/** A log that is away is not waited for any longer. Milliseconds. */
const longestMs = 2000;

/**
 * Records between the committed offset of a pipeline's group and the end of its topic, whoever runs it; null while the log does
 * not answer.
 */
export async function lagOf(workspace: Workspace, { group, from }: PipelineSpec): Promise<number | null> {
  let lag: number | null = null;
  const look = async () => {
    const transport = await workspace.transport();
    const [ends, positions] = await Promise.all([transport.ends(from), transport.positions(group, from)]);
    lag = 0;
    for (const { partition, low, high } of ends) {
      const { committedOffset } = decodePosition(positions.get(partition) ?? null);
      lag += Math.max(0, high - Math.max(low, committedOffset));
    }
  };
  await within(
    longestMs,
    look().catch(() => {}),
  );
  return lag;
}
