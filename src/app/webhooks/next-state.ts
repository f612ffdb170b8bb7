import type { WebhookDelivery } from '../../events/webhook-events.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Between one attempt and the next, as Standard Webhooks recommends; the first is at once. After the last one a message has failed. */
export const delays = [
  ...[5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour],
  ...[10 * hour, 14 * hour, 20 * hour, 24 * hour],
];
/** Each wait is longer by up to so much of it, so that what failed together does not come back together. */
const jitter = 0.1;
/** No receiver can put a message off for longer. */
const longestWait = 24 * hour;

export interface Outcome {
  /** Of the answer; undefined: there was none. */
  status?: number;
  error?: string;
  /** What the receiver asks for, in milliseconds. */
  retryAfterMs?: number;
}

/** A message after an attempt. 2xx: delivered; 410: its receiver wants none; anything else, redirects too, is a failure. */
export function afterAttempt(
  delivery: WebhookDelivery,
  { status, error, retryAfterMs = 0 }: Outcome,
  { at, now, random }: { at: number; now: number; random: () => number },
): WebhookDelivery {
  const { due: _, ...rest } = delivery;
  const said = { at: new Date(at).toISOString(), ...(status !== undefined && { status }) };
  const attempts = [
    ...delivery.attempts,
    { ...said, ...(error !== undefined && { error: error.slice(0, 1000) }) },
  ].slice(-12);
  const next = { ...rest, attempts, tries: delivery.tries + 1 };
  if (status !== undefined && status >= 200 && status < 300) return { ...next, state: 'delivered' };
  if (status === 410) return { ...next, state: 'disabled' };
  const delay = delays[delivery.tries];
  if (delay === undefined) return { ...next, state: 'failed' };
  const wait = Math.max(delay * (1 + jitter * random()), Math.min(retryAfterMs, longestWait));
  return { ...next, state: 'pending', due: new Date(now + Math.ceil(wait)).toISOString() };
}

/** The same message from its first attempt on. */
export function replayed(delivery: WebhookDelivery, now: number): WebhookDelivery {
  return { ...delivery, state: 'pending', tries: 0, due: new Date(now).toISOString() };
}
