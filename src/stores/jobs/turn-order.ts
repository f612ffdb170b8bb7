import { type GenerationRequested, priorities } from '../../events/schemas.js';

/*
 * Whose turn comes first among requests that wait: by priority, then by deadline (start_by or finish_by, whichever is earlier), then by arrival. A request that waits gains one
 * priority after each `ageingMs`, without an end: whatever keeps coming, it is overtaken only by what came until then, so
 * nobody starves. Steps order what waits by it (flow/waiting-list.ts), and the board of jobs counts by it who is ahead.
 */

/** What a request says of its turn. */
export interface Standing {
  /** 0 for the first of `priorities`. */
  priority: number;
  /** Milliseconds since 1970; `noDeadline`: none. */
  deadline: number;
  /** When its record was written. */
  arrived: number;
}

/** Later than every moment that a request can name. */
export const noDeadline = Number.MAX_SAFE_INTEGER;

/** Of pipelines that say nothing else. */
export const usualAgeingMs = 10 * 60_000;

export function standingOf({ priority = 'standard', ...times }: TurnWishes, arrived: number): Standing {
  return {
    priority: priorities.indexOf(priority),
    deadline: Math.min(momentOf(times.start_by), momentOf(times.finish_by)),
    arrived,
  };
}

type TurnWishes = Pick<GenerationRequested, 'priority' | 'start_by' | 'finish_by'>;

/** Milliseconds since 1970; `noDeadline` for none. */
export function momentOf(text: string | undefined): number {
  return text === undefined ? noDeadline : Date.parse(text);
}

/** Below 0: `a` comes first. 0: the two are alike. */
export function compareTurns(a: Standing, b: Standing, now: number, ageingMs: number): number {
  return (
    agedPriority(a, now, ageingMs) - agedPriority(b, now, ageingMs) || a.deadline - b.deadline || a.arrived - b.arrived
  );
}

function agedPriority({ priority, arrived }: Standing, now: number, ageingMs: number): number {
  return priority - Math.floor(Math.max(0, now - arrived) / ageingMs);
}

/**
 * The same as columns of SQL, to be compared in this order: of rows with `priority`, `deadline` and `created`, at the moment
 * `@now`, by the ageing `@ageing`.
 */
export const turnColumns =
  'priority - MAX(0, CAST(@now AS INTEGER) - created) / CAST(@ageing AS INTEGER), deadline, created';
