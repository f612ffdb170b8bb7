import { types } from '../events/cloudevents.js';
import type { SchemaName } from '../events/schemas.js';
import type { Settled } from './partition-run.js';

/** One consumed event whose fate is committed, for people and logs. */
export interface Finished {
  /** `requests/3/42` */
  where: string;
  /** The event's own; its place where it could not be read as one. */
  id: string;
  fate: 'delivered' | 'rejected' | 'dropped';
  /** Of one that was dropped. */
  reason?: string;
  /** Of one that was rejected. */
  code?: string;
  step?: string;
  error?: string;
  /** The objects that its outputs name, by key. */
  objects: string[];
}

/** Only what names a product: the other outputs are many, and long. */
const productTypes = (['video.completed', 'samples.sealed'] satisfies SchemaName[]).map((schema) => types[schema]);

export function finishedOf({ origin, event, fate, outputs }: Settled): Finished {
  const { topic, partition, offset } = origin;
  const objects = outputs.flatMap(({ headers, value }) => {
    const type = headers.ce_type;
    if (!value || !type || !productTypes.some((one) => one.equals(type))) return [];
    const { object } = JSON.parse(value.toString()) as { object?: { key?: string } };
    return object?.key ? [object.key] : [];
  });
  return {
    where: `${topic}/${partition}/${offset}`,
    id: event?.id ?? `${topic}-${partition}-${offset}`,
    fate: fate.kind,
    ...(fate.kind === 'dropped' && { reason: fate.reason }),
    ...(fate.kind === 'rejected' && { code: fate.error.code, step: fate.step, error: fate.error.message }),
    objects,
  };
}
