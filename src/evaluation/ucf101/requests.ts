import { createHash } from 'node:crypto';
import { eventType } from '../../events/cloudevents.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { ClassPrompt } from './read-classes.js';

/** A generation request as a CloudEvent in one JSON object, as `vimi publish requests` takes it. */
export interface RequestEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  data: GenerationRequested;
}

export interface RequestsAsked {
  /** Videos in all. */
  n: number;
  classes: readonly ClassPrompt[];
  /** Share of each class, in any unit; left out: all alike. */
  weights?: readonly number[];
  /** Request i has noise seed + i. */
  seed: number;
  /** What all requests have: frames, steps and so on. */
  settings: Partial<GenerationRequested>;
}

/**
 * The requests for n videos of the classes: the same for the same input, ids included, which name the whole set by a hash
 * and count within it. Classes take turns, so that any part of the list holds them in their shares: the parts that an
 * Inception score is computed on follow the names of files, which begin with the ids.
 */
export function classRequests({ n, classes, weights, seed, settings }: RequestsAsked): RequestEvent[] {
  const counts = apportioned(n, weights ?? classes.map(() => 1));
  const order = counts
    .flatMap((count, c) => Array.from({ length: count }, (_, j) => ({ c, at: (j + 0.5) / count })))
    .sort((a, b) => a.at - b.at || a.c - b.c);
  const asked = JSON.stringify([order.map(({ c }) => c), classes.map(({ prompt }) => prompt), seed, settings]);
  const set = createHash('sha256').update(asked).digest('hex').slice(0, 8);
  const digits = Math.max(5, String(n).length);
  return order.map(({ c }, i) => ({
    specversion: '1.0',
    id: `ucf101-${set}-${String(i).padStart(digits, '0')}`,
    source: '/vimi/eval/ucf101',
    type: eventType('generation.requested'),
    data: { prompt: classes[c]!.prompt, seed: (seed + i) >>> 0, ...settings },
  }));
}

/**
 * n things shared out by weights: what is left after rounding down goes to the largest remainders, of equal ones to the
 * first. Nothing is drawn by chance.
 */
export function apportioned(n: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const exact = weights.map((weight) => (n * weight) / sum);
  const counts = exact.map(Math.floor);
  const rest = n - counts.reduce((total, count) => total + count, 0);
  const byRemainder = exact
    .map((share, i) => ({ i, remainder: share - Math.floor(share) }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (const { i } of byRemainder.slice(0, rest)) counts[i]!++;
  return counts;
}
