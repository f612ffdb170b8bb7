import type { RetrievalFilter } from '../../../events/schemas.js';
import type { ScoreLimits } from './score-limits.js';

/** What each document of a context must have. */
export interface Allowed {
  /** undefined: any; none at all where the step and the request have none in common. */
  licences: readonly string[] | undefined;
  scores: ScoreLimits;
}

/** What a step allows, as its settings say. */
export interface AllowedByStep {
  /** Any when empty. */
  licences: readonly string[];
  scores: ScoreLimits;
}

/** What a step allows, as far as a request wants it: a request narrows that, and never widens it. */
export function narrowed(step: AllowedByStep, filter: RetrievalFilter = {}): Allowed {
  const licences = step.licences.length > 0 ? step.licences : undefined;
  const wanted = filter.licences;
  const names = new Set([...Object.keys(step.scores), ...Object.keys(filter.scores ?? {})]);
  return {
    licences: licences && wanted ? licences.filter((licence) => wanted.includes(licence)) : (wanted ?? licences),
    scores: Object.fromEntries(
      [...names].map((name) => [name, within(limitOf(step.scores, name), limitOf(filter.scores, name))]),
    ),
  };
}

type Limit = ScoreLimits[string];

function limitOf(limits: ScoreLimits | undefined, name: string): Limit {
  return limits && Object.hasOwn(limits, name) ? limits[name]! : {};
}

function within(one: Limit, other: Limit): Limit {
  const [least, most] = [[one.min, other.min].filter(isSaid), [one.max, other.max].filter(isSaid)];
  return {
    ...(least.length > 0 && { min: Math.max(...least) }),
    ...(most.length > 0 && { max: Math.min(...most) }),
  };
}

const isSaid = (limit: number | undefined): limit is number => limit !== undefined;
