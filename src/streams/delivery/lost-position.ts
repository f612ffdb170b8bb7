import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import type { AssignedPartition, Transport } from '../transports/transport.js';
import type { PipelineSpec } from './pipeline-spec.js';
import { decodePosition } from './position.js';
import { pipelineSource } from './rejects.js';

export interface LostPosition {
  /** expired: the group has none any more; beyond-end: the log ends before it; anew: it is of another log of that name. */
  reason: 'expired' | 'beyond-end' | 'anew';
  /** Where to begin instead. */
  start: number;
}

/**
 * Brokers may know less for a moment: a new leader, and a group whose transaction has ended, but whose offsets become
 * visible after its records do.
 */
const looks = { most: 10, everyMs: 300 };
/** Records of an output topic that are looked through for the pipeline's own, from its end. */
const lookBack = 200;

/**
 * Whether a group can go on from where it was. A position beyond the end means that the topic was made anew or lost its
 * end; where logs have names for good, one of another log is known by that. No position at all means a new group, unless the pipeline's own records are in its output topics: then the broker
 * removed the positions, as Kafka does when a group was away for a week. Throws POSITION_LOST where the pipeline stops for it.
 */
export async function lostPosition(
  { topic, partition, position, log }: AssignedPartition,
  { name, group, to, rejects, onLostPosition = 'stop' }: PipelineSpec,
  { transport, clock }: { transport: Transport; clock: Clock },
): Promise<LostPosition | null> {
  const endsNow = async () =>
    (await transport.ends(topic)).find((one) => one.partition === partition) ?? { low: 0, high: 0 };
  let { low, high } = await endsNow();
  const where = `${topic}/${partition} of ${group}`;
  const choose = (reason: LostPosition['reason'], summary: string, facts: { expected: string; found: string }) => {
    if (onLostPosition === 'stop') throw new VimiError('POSITION_LOST', summary, { ...facts, where });
    return { reason, start: onLostPosition === 'earliest' ? low : high };
  };
  if (position) {
    const { log: was } = decodePosition(position);
    if (log !== undefined && was !== undefined && log !== was)
      return choose('anew', 'The topic was deleted and created anew, so the committed offset means nothing in it', {
        ...{ expected: `the topic ${was}`, found: log },
      });
    for (let n = 1; position.offset > high; n++) {
      if (n === looks.most)
        return choose('beyond-end', 'The offset lies beyond the end of the partition: was the topic created anew?', {
          expected: `at most ${high}`,
          found: String(position.offset),
        });
      await clock.sleep(looks.everyMs);
      ({ low, high } = await endsNow());
    }
    return null;
  }
  const isNewGroup = async () => (await transport.positions(group, topic)).size === 0;
  if (low === high || !(await isNewGroup())) return null;
  const outputs = [...to.flatMap((sink) => ('topic' in sink ? [sink.topic] : [])), ...(rejects ? [rejects] : [])];
  for (const output of outputs) {
    if (!(await holdsRecordsOf(name, output, transport))) continue;
    // Another partition's first commit, perhaps: its records are here, its offset is about to be.
    for (let n = 1; n < looks.most; n++) {
      await clock.sleep(looks.everyMs);
      if (!(await isNewGroup())) return null;
    }
    return choose(
      'expired',
      `The committed offset of the group is gone, and ${output} holds events that it published before`,
      { expected: 'a committed offset', found: `none, and ${high - low} records` },
    );
  }
  return null;
}

/** Among the latest of a topic. */
async function holdsRecordsOf(pipeline: string, topic: string, transport: Transport): Promise<boolean> {
  const ends = await transport.ends(topic);
  const from = Object.fromEntries(ends.map(({ partition, low, high }) => [partition, Math.max(low, high - lookBack)]));
  for await (const { headers } of transport.read(topic, { from }))
    if (headers.ce_source?.toString() === pipelineSource(pipeline)) return true;
  return false;
}
