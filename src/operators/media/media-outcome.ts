import type { MediaAdded, MediaSettled } from '../../events/schemas.js';
import type { Settlement } from '../../flow/settlement.js';

/** What became of a medium, from the outcomes of its parts. */
export function mediaOutcome({ event, outcome, parts }: Settlement, replaced: number): MediaSettled {
  const { uri, version } = event.data as MediaAdded;
  const counts: MediaSettled['parts'] = { delivered: 0, rejected: {}, dropped: {} };
  const count = (in_: Record<string, number>, name: string) => {
    in_[name] = (in_[name] ?? 0) + 1;
  };
  for (const { outcome: one } of parts)
    if (one.kind === 'delivered') counts.delivered++;
    else if (one.kind === 'rejected') count(counts.rejected, one.error.code);
    else count(counts.dropped, one.reason);
  counts.dropped = mostFirst(counts.dropped);
  const [failed] = parts.flatMap(({ outcome: one }) => (one.kind === 'rejected' ? [one] : []));
  return {
    ...{ uri, event: event.id, ...(version !== undefined && { version }), outcome: outcome.kind, parts: counts },
    ...(outcome.kind === 'dropped' && outcome.of !== undefined && why(outcome.reason, outcome.of)),
    ...(replaced > 0 && { replaced }),
    ...(failed && {
      error: { step: failed.step, code: failed.error.code, message: failed.error.message, remedy: failed.error.remedy },
    }),
  };
}

/** The reason of most parts comes first: it is the one that a medium is counted by when nothing of it was kept. */
function mostFirst(times: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(times).sort(([, a], [, b]) => b - a));
}

function why(reason: string, of: string): Pick<MediaSettled, 'duplicate_of' | 'dropped_for'> {
  return reason === 'duplicate' ? { duplicate_of: of } : { dropped_for: of };
}
