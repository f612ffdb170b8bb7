import type { Query } from '../flow/flow.js';

/** The field `query` of a request or caption of text alone, as `admit` and `caption` add it. `more` replaces parts of it. */
export function textQuery(text: string, more: Partial<Query> = {}): Query {
  return { task: 'text-to-video', parts: [{ text }], text, retrieval: undefined, self: {}, ...more };
}
