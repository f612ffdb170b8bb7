import { within } from '../../core/within.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { decodePosition } from '../../streams/delivery/position.js';
import type { GroupPosition } from '../../streams/transports/transport.js';
import type { Workspace } from '../workspace.js';

/** A log that is away is not waited for any longer. Milliseconds. */
const longestMs = 2000;

export interface Behind {
  /** Offsets between the committed one of the group and the end of the topic; null while the log does not answer. */
  lag: number | null;
  /** Those of them that have no outcome yet. */
  waiting: number | null;
}

/** By the ends of the topic and the positions of the group. */
export function behindAt(
  ends: readonly { partition: number; low: number; high: number }[],
  positions: ReadonlyMap<number, GroupPosition>,
): { lag: number; waiting: number } {
  let [lag, settled] = [0, 0];
  for (const { partition, low, high } of ends) {
    const { committedOffset, beyond } = decodePosition(positions.get(partition) ?? null);
    lag += Math.max(0, high - Math.max(low, committedOffset));
    // What the log no longer keeps is not part of the lag.
    for (const { from, to } of beyond) settled += Math.max(0, to - Math.max(from, low));
  }
  return { lag, waiting: Math.max(0, lag - settled) };
}

/** How far the group of a pipeline is behind, whoever runs it. */
export async function behindOf(workspace: Workspace, { group, from }: PipelineSpec): Promise<Behind> {
  const behind: Behind = { lag: null, waiting: null };
  const look = async () => {
    const transport = await workspace.transport();
    const [ends, positions] = await Promise.all([transport.ends(from), transport.positions(group, from)]);
    Object.assign(behind, behindAt(ends, positions));
  };
  await within(
    longestMs,
    look().catch(() => {}),
  );
  return { ...behind };
}
