import type { MediaAdded, MediaSettled } from '../events/schemas.js';
import type { Settlement } from '../streams/settlement.js';

/** What became of a medium, from the fates of its parts. */
export function mediaOutcome({ event, fate, parts }: Settlement, replaced: number): MediaSettled {
  const { uri, version } = event.data as MediaAdded;
  const counts: MediaSettled['parts'] = { delivered: 0, rejected: {}, dropped: {} };
  const count = (in_: Record<string, number>, name: string) => {
    in_[name] = (in_[name] ?? 0) + 1;
  };
  for (const { fate: one } of parts)
    if (one.kind === 'delivered') counts.delivered++;
    else if (one.kind === 'rejected') count(counts.rejected, one.error.code);
    else count(counts.dropped, one.reason);
  const [failed] = parts.flatMap(({ fate: one }) => (one.kind === 'rejected' ? [one] : []));
  return {
    ...{ uri, event: event.id, ...(version !== undefined && { version }), outcome: fate.kind, parts: counts },
    ...(fate.kind === 'dropped' && fate.of !== undefined && { duplicate_of: fate.of }),
    ...(replaced > 0 && { replaced }),
    ...(failed && {
      error: { step: failed.step, code: failed.error.code, message: failed.error.message, remedy: failed.error.remedy },
    }),
  };
}
