import { encodeEvent } from '../../events/cloudevents.js';
import type { NewRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import type { ClipSettled, MediaAdded } from '../../events/schemas.js';
import type { Flow } from '../../flow/flow.js';
import type { Settlement } from '../../flow/settlement.js';
import { scoresOf } from './limits.js';

/**
 * A record for each clip of a medium that was cut: its scores, and what became of it. Keyed by medium and place in it, so
 * that a medium that comes again replaces what was said of it. Digests and not keys of its objects, since what a record
 * names by its key `vimi objects sweep` keeps.
 */
export function clipOutcomes({ origin, event, parts }: Settlement, topic: string): NewRecord[] {
  const { uri } = event.data as MediaAdded;
  return parts.flatMap(({ part, outcome, data: flow }) => {
    const { clip, query, captions, file } = (flow ?? {}) as Flow;
    if (!clip) return [];
    const { kind, object, keyframe, start, duration, frames, fps, width, height } = clip;
    const data: ClipSettled = {
      ...{ uri, ...(file && { source: file.source, licence: file.licence }) },
      ...{ event: event.id, record: placeOf(origin), part },
      clip: {
        ...{ kind, start, duration, frames, fps, width, height },
        ...{ object: object.sha256, keyframe: keyframe.sha256 },
      },
      scores: scoresOf(clip),
      ...(query && { caption: query.text }),
      ...(captions && { captions }),
      outcome: outcome.kind,
      ...(outcome.kind === 'dropped' && {
        reason: outcome.reason,
        ...(outcome.reason === 'duplicate' && outcome.of !== undefined && { duplicate_of: outcome.of }),
      }),
      ...(outcome.kind === 'rejected' && {
        error: { step: outcome.step, code: outcome.error.code, message: outcome.error.message },
      }),
    };
    const { source, traceparent } = event;
    const id = `${placeOf(origin)}-${part || '0'}-settled`;
    return [
      encodeEvent({ schema: 'clip.settled', id, source, topic, key: `${uri}#${part || '0'}`, traceparent, data }),
    ];
  });
}
