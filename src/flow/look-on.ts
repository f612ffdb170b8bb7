import { tap } from 'rxjs';
import type { Envelope } from './envelope.js';
import type { Flow } from './flow.js';
import type { Step } from './operator.js';

/** A step that hands every envelope on as it is, after it was shown to `look`. */
export function lookOn(look: (envelope: Envelope<Flow>) => void): Step {
  return (source) => source.pipe(tap(look));
}
