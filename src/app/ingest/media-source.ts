import type { OfferedMedium } from './offered-medium.js';
import type { PassedOver } from './passed-over.js';

/**
 * Where media come from: folders, a tar, a manifest. It offers them one by one, so that a source may be larger than
 * memory, in the same order each time. What it cannot offer it passes over with a reason, and goes on; what keeps it from
 * going on at all is thrown.
 */
export interface MediaSource {
  /** As a person named it. */
  name: string;
  media(passedOver: PassedOver): AsyncIterable<OfferedMedium>;
  /** How many media it will have offered in the end, judged by what was read so far; undefined: nobody knows (yet). */
  expected?(): number | undefined;
}
