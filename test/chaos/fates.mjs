// @ts-nocheck: a plain script, run against what is built
import { decodePosition } from '../../dist/streams/position.js';

/**
 * How many events have a fate, by what the groups committed, and what is wrong about it: every event of every partition
 * has exactly one when a group is done.
 *
 * @param {import('../../dist/streams/transport.js').Transport} transport
 * @param {[group: string, topic: string][]} inputs
 * @returns {Promise<{ fates: number, lag: number, problems: string[] }>}
 */
export async function fatesOf(transport, inputs) {
  let [fates, lag] = [0, 0];
  const problems = [];
  for (const [group, topic] of inputs) {
    const positions = await transport.positions(group, topic);
    for (const { partition, high } of await transport.ends(topic)) {
      const { watermark, beyond, counts } = decodePosition(positions.get(partition) ?? null);
      const sum = counts.delivered + counts.rejected + Object.values(counts.dropped).reduce((a, b) => a + b, 0);
      fates += sum;
      lag += high - watermark;
      if (watermark !== high || beyond.length > 0)
        problems.push(`${topic}/${partition} is settled to ${watermark} of ${high}`);
      if (sum !== high) problems.push(`${topic}/${partition} has ${sum} fates for ${high} events`);
    }
  }
  return { fates, lag, problems };
}
