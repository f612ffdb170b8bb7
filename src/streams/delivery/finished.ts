import type { Settled } from './settled.js';

/** One consumed event whose outcome is committed, for people and logs. */
export interface Finished {
  /** `requests/3/42` */
  where: string;
  /** The event's own; its place where it could not be read as one. */
  id: string;
  outcome: 'delivered' | 'rejected' | 'dropped';
  /** Of one that was dropped. */
  reason?: string;
  /** Of one that was rejected. */
  code?: string;
  step?: string;
  error?: string;
  /** The objects that its outputs name, by key. */
  objects: string[];
}

/** `productTypes`: of the outputs that tell of objects. The others are not looked at: they are many, and long. */
export function finishedOf({ origin, event, outcome, outputs }: Settled, productTypes: readonly Buffer[]): Finished {
  const { topic, partition, offset } = origin;
  const finished: Finished = {
    where: `${topic}/${partition}/${offset}`,
    id: event?.id ?? `${topic}-${partition}-${offset}`,
    outcome: outcome.kind,
    objects: [],
  };
  if (outcome.kind === 'dropped') finished.reason = outcome.reason;
  if (outcome.kind === 'rejected') {
    finished.code = outcome.error.code;
    finished.step = outcome.step;
    finished.error = outcome.error.message;
  }
  for (const { headers, value } of outputs) {
    const type = headers.ce_type;
    if (!value || !type || !productTypes.some((one) => one.equals(type))) continue;
    const { object } = JSON.parse(value.toString()) as { object?: { key?: string } };
    if (object?.key) finished.objects.push(object.key);
  }
  return finished;
}
