// @ts-nocheck: a plain script, run against what is built
import { decodePosition } from '../../dist/streams/delivery/position.js';

/**
 * How many events have an outcome, by what the groups committed, and what is wrong about it: every event of every partition
 * has exactly one when a group is done.
 *
 * @param {import('../../dist/streams/transports/transport.js').Transport} transport
 * @param {[group: string, topic: string][]} inputs
 * @returns {Promise<{ outcomes: number, lag: number, problems: string[] }>}
 */
export async function outcomesOf(transport, inputs) {
  let [outcomes, lag] = [0, 0];
  const problems = [];
  for (const [group, topic] of inputs) {
    const positions = await transport.positions(group, topic);
    for (const { partition, high } of await transport.ends(topic)) {
      const { committedOffset, beyond, counts } = decodePosition(positions.get(partition) ?? null);
      const sum = counts.delivered + counts.rejected + Object.values(counts.dropped).reduce((a, b) => a + b, 0);
      outcomes += sum;
      lag += high - committedOffset;
      if (committedOffset !== high || beyond.length > 0)
        problems.push(`${topic}/${partition} is settled to ${committedOffset} of ${high}`);
      if (sum !== high) problems.push(`${topic}/${partition} has ${sum} outcomes for ${high} events`);
    }
  }
  return { outcomes, lag, problems };
}
