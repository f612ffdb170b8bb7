import { digestsNamed, sampleWithout, sharedOf } from '../../events/sample.js';
import { memberOf, type PackedSample } from '../../media/shard-file.js';
import { type RemovalTable, removableEntry } from '../../stores/removals/removals.js';
import type { ShardSample } from '../samples/shard-samples.js';
import { type SampleTrace, sampleTrace } from './sample-trace.js';

/** What is left of a sample without what was removed, and what it had of it. `kept` null: nothing is left. */
export async function keptOf(
  sample: ShardSample,
  removed: Pick<RemovalTable, 'of'>,
): Promise<{ kept: PackedSample | null; trace: SampleTrace | null }> {
  const trace = await sampleTrace(sample, removed);
  const kept = trace === 'context' ? withoutContext(sample, removed) : trace === null ? sample : null;
  return { kept, trace };
}

/** null: it is of an older layout, which cannot be changed, so it goes as a whole. */
function withoutContext(
  { json, members, shared }: ShardSample,
  removed: Pick<RemovalTable, 'of'>,
): PackedSample | null {
  if (!Object.hasOwn(JSON.parse(json), 'layout')) return null;
  const left = sampleWithout(json, (entry) => removed.of(removableEntry(entry)) !== null);
  if (left === null) return null;
  const named = new Set(digestsNamed(left));
  return {
    members: members.map((one) => (one.name.endsWith('.json') ? memberOf(one.name, Buffer.from(left)) : one)),
    shared: shared.filter(({ name }) => named.has(sharedOf(name)?.sha256 ?? '')),
  };
}
