import { type ErrorCode, VimiError } from '../../../core/errors.js';
import { ReadAgain } from '../../follow-topic.js';

/** The collection that was asked is not there: it was replaced or removed meanwhile. */
export class CollectionGone extends VimiError {
  constructor(where: string, cause?: unknown) {
    super('SEARCH_UNAVAILABLE', 'The search engine has no such index', {
      ...{ where, cause },
      remedy: 'Fill it again: `vimi corpus rebuild`.',
    });
  }
}

/** A node that keeps a part of the collection is away. */
export class ReplicaAway extends VimiError {
  constructor(found: string, where: string) {
    super('SEARCH_UNAVAILABLE', 'A node of the search engine is away: nothing is written until it is back', {
      ...{ expected: 'all replicas', found, where },
    });
  }
}

/** Nothing is wrong with the engine: it is another's turn to write, or records are to come again. */
export class OutOfTurn extends ReadAgain {
  constructor(found: string, where: string) {
    super('SEARCH_UNAVAILABLE', summaries.SEARCH_UNAVAILABLE, { found, where });
  }
}

const summaries = {
  SEARCH_UNAVAILABLE: 'The search engine does not answer as it should',
  SEARCH_DENIED: 'The search engine refuses this key',
  SEARCH_FULL: 'The search engine takes no changes: it is read-only',
  SEARCH_REFUSED: 'The search engine refuses this call',
} as const satisfies Partial<Record<ErrorCode, string>>;

export type SearchCode = keyof typeof summaries;

export function failure(code: SearchCode, found: string, where: string, cause?: unknown): VimiError {
  return new VimiError(code, summaries[code], { found, where, cause });
}

const readOnly = /read-?only|no space left|disk usage too high|memory usage too high/i;
const gone =
  /Cannot query field \\?"?\w+\\?"? on type \\?"?(GetObjectsObj|AggregateObjectsObj)|could not find class|class not found|class \S+ (does not exist|not found|doesn't exist)|not present in schema|collection not found/i;
/** What a cluster answers while one of its nodes is away, comes or goes. */
const passing =
  /connection refused|connection reset|broken pipe|no such host|deadline exceeded|timeout|unavailable|not ready|replica|consistency|leader|broadcast|shutting down|shard.{0,20}(not found|closed|shut)|EOF|too many requests|context canceled|store is closed|resource/i;

/** What an answer of the engine means. `text`: what it says. */
export function meaningOf(status: number, text: string, where: string): VimiError {
  const found = `${status} ${text.slice(0, 500)}`;
  if (status === 401 || status === 403) return failure('SEARCH_DENIED', found, where);
  if (readOnly.test(text) || status === 507) return failure('SEARCH_FULL', found, where);
  if (gone.test(text)) return new CollectionGone(where);
  if (status >= 500 || status === 429 || status === 408 || passing.test(text))
    return failure('SEARCH_UNAVAILABLE', found, where);
  return failure('SEARCH_REFUSED', found, where);
}
