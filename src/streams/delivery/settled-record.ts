import type { Transport } from '../transports/transport.js';
import { decodePosition, isSettled } from './position.js';

/**
 * Whether a record of a pipeline's input, named as events/replay.ts names it, has its outcome by what is committed, or is
 * kept no more.
 */
export async function isSettledRecord(
  transport: Transport,
  { group, from }: { group: string; from: string },
  record: string,
): Promise<boolean> {
  const { topic, partition, offset } = /^(?<topic>.+)-(?<partition>\d+)-(?<offset>\d+)@/.exec(record)?.groups ?? {};
  // Of a topic that this pipeline does not read (any more): nobody will come to it.
  if (topic !== from) return true;
  const [ends, positions] = [await transport.ends(from), await transport.positions(group, from)];
  const low = ends.find((end) => end.partition === Number(partition))?.low ?? 0;
  return Number(offset) < low || isSettled(decodePosition(positions.get(Number(partition)) ?? null), Number(offset));
}
