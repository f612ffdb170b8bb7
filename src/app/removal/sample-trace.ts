import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import type { RemovalTable } from '../../stores/removals/removals.js';
import { mediumHash, type ShardSample } from '../samples/shard-samples.js';

/** Whether a sample was made of what was removed, or has it among its context. */
export type SampleTrace = 'sample' | 'context';

/** As far as all layouts say it: in the first, the context was a list, and not a text that holds one. */
const entries = z.array(
  z.looseObject({
    document: z.string().optional(),
    image: z.looseObject({ sha256: z.string() }),
    clip: z.looseObject({ sha256: z.string() }).optional(),
  }),
);
const facts = z.looseObject({
  context: z.union([z.string(), entries]).optional(),
  provenance: z
    .looseObject({
      uri: z.string().optional(),
      source: z.string().optional(),
      licence: z.string().optional(),
      sha256: z.string().optional(),
    })
    .optional(),
});

/** null: nothing of it. `medium`: SHA-256 of its clip, or of its image if it is a still. */
export function factsTrace(json: string, medium: string, removed: Pick<RemovalTable, 'of'>): SampleTrace | null {
  const { provenance = {}, context = [] } = facts.parse(JSON.parse(json));
  const { uri, source, licence, sha256: file } = provenance;
  if (removed.of({ uri, source, licence, file, clip: medium, image: medium })) return 'sample';
  const retrieved = typeof context === 'string' ? entries.parse(JSON.parse(context)) : context;
  const isRemoved = ({ document, image, clip }: z.infer<typeof entries>[number]) =>
    removed.of({ document, image: image.sha256, clip: clip?.sha256 });
  return retrieved.some(isRemoved) ? 'context' : null;
}

/** The same of a sample in a shard, by the bytes that lie there. OBJECT_DAMAGED for one whose facts cannot be read. */
export async function sampleTrace(sample: ShardSample, removed: Pick<RemovalTable, 'of'>): Promise<SampleTrace | null> {
  const { key, json, shared } = sample;
  const digest = await mediumHash(sample);
  try {
    const trace = factsTrace(json, digest, removed);
    if (trace) return trace;
  } catch (cause) {
    throw new VimiError('OBJECT_DAMAGED', 'The facts of a sample cannot be read', { where: `${key}.json`, cause });
  }
  for (const one of shared) {
    const digest = hash(await one.read());
    if (removed.of({ image: digest, clip: digest })) return 'context';
  }
  return null;
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
