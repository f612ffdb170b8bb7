import type { VimiError } from '../../core/errors.js';
import type { VimiEvent } from '../../events/event.js';
import type { Outcome } from '../../flow/envelope.js';
import type { Settlement } from '../../flow/settlement.js';

/** What a record came to; `event` is missing when it could not be read as one. */
export type Settled = Omit<Settlement, 'event'> & { event?: VimiEvent };

/** The same record, rejected as a whole; whatever it came to before counts no more. */
export function rejectedWhole(
  { origin, event }: Pick<Settled, 'origin' | 'event'>,
  error: VimiError,
  step: string,
): Settled {
  const outcome: Outcome = { kind: 'rejected', error, step, attempts: 1 };
  return { origin, ...(event && { event }), outcome, parts: [{ part: '', outcome }], outputs: [] };
}
