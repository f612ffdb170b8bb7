import { z } from 'zod';
import { problem, problemType } from './problem.js';

const anyProblem = {
  description: 'What went wrong, by RFC 9457.',
  content: { [problemType]: { schema: problem } },
};

/** The answers of a route, for its documentation and its serialiser: those named, and a problem for all else. */
export function answers<T extends Record<number, unknown>>(own: T) {
  return { ...own, '4xx': anyProblem, '5xx': anyProblem };
}

/** An answer in JSON. */
export function json<S extends z.ZodType>(description: string, schema: S) {
  return { description, content: { 'application/json': { schema } } };
}

/** The same, of one of several types: each with when. */
export function manyBytes(description: string, types: Record<string, string>) {
  const content = Object.entries(types).map(([type, when]) => [type, { schema: z.any().describe(when) }]);
  return { description, content: Object.fromEntries(content) as Record<string, { schema: z.ZodAny }> };
}

/** An answer that is not JSON; its bytes are sent as they are. */
export function bytes(description: string, type: string) {
  return { description, content: { [type]: { schema: z.any() } } };
}
