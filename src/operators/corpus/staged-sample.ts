import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { type ObjectRef, objectRef } from '../../events/prompt.js';
import { digestsNamed, sampleOrigin, sampleWithout } from '../../events/sample.js';
import { type Removals, removableEntry } from '../../stores/removals/removals.js';

/*
 * A sample while it waits for its shard: its texts, and references to its clip and to what it shares. Their bytes cross to the
 * object store and back no more often than a shard needs them. So what a staged sample names must stay: all of it lies
 * under keys made from its bytes, and `vimi objects sweep` leaves it alone.
 */

const stagedSample = z.strictObject({
  /** Of its members, without the dot and what follows it. */
  name: z.string().min(1),
  caption: z.string(),
  /** Its .json, as it will stand in the shard. */
  facts: z.string(),
  clip: objectRef,
  /** Of context and prompt, each once. */
  images: z.array(objectRef),
  /** The same; none in samples that an older version staged. */
  clips: z.array(objectRef).default([]),
});
export type StagedSample = z.infer<typeof stagedSample>;

const stagedKey = /(?<offset>\d{12})-(?<part>[\d.]+)-(?<owner>\w+)\.sample$/;

/** What the end of a key says of a staged sample; null: it is the key of something else. */
export function stagedAt(key: string): { offset: number; part: string; owner: string } | null {
  const said = stagedKey.exec(key)?.groups;
  return said ? { offset: Number(said.offset), part: said.part!, owner: said.owner! } : null;
}

export function writeStaged(sample: StagedSample): Buffer {
  return Buffer.from(JSON.stringify(sample));
}

/** OBJECT_DAMAGED for what is no staged sample; 0.1.0 staged tars. */
export function readStaged(bytes: Buffer, key: string): StagedSample {
  if (bytes.subarray(257, 262).toString() === 'ustar')
    throw new VimiError(
      'OBJECT_DAMAGED',
      'vimi 0.1.0 staged this sample, and this version cannot put it into a shard',
      {
        where: key,
        remedy:
          'Stop this process, run the corpus pipeline of 0.1.0 once with --drain, and then this version: docs/concepts/compatibility.md.',
      },
    );
  try {
    return stagedSample.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new VimiError('OBJECT_DAMAGED', 'This is not a staged sample', { where: key, cause });
  }
}

export function objectsOf({ clip, images, clips }: StagedSample): ObjectRef[] {
  return [clip, ...images, ...clips];
}

/**
 * The sample without documents of its context that were removed from the corpus; null: it was removed itself. The same
 * one: nothing of it was.
 */
export function withoutRemoved(sample: StagedSample, removals: Pick<Removals, 'of'>): StagedSample | null {
  const { clip, facts, images, clips } = sample;
  const { uri, source, licence, sha256: file } = sampleOrigin.parse(JSON.parse(facts)).provenance;
  if (removals.of({ uri, source, licence, file, clip: clip.sha256, image: clip.sha256 })) return null;
  const left = sampleWithout(facts, (entry) => removals.of(removableEntry(entry)) !== null);
  if (left === null) return sample;
  const named = digestsNamed(left);
  const isNamed = ({ sha256 }: ObjectRef) => named.includes(sha256);
  return { ...sample, facts: left, images: images.filter(isNamed), clips: clips.filter(isNamed) };
}
