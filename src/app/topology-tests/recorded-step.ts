import { type ErrorCode, VimiError } from '../../core/errors.js';
import type { VirtualClock } from '../../core/virtual-clock.js';
import type { Envelope } from '../../flow/envelope.js';
import { drop, mapEach } from '../../flow/map-each.js';
import type { StepSpec } from '../../streams/delivery/pipeline-spec.js';
import type { RecordedAnswer } from '../../streams/topology/tests.js';

/** A step that gives every event the same recorded answer, one event after the other. Nothing of its operator runs. */
export function recordedStep(step: StepSpec, { takes, answer }: RecordedAnswer, clock: VirtualClock): StepSpec {
  const { module: _, ...spec } = step.operator;
  const work = async (_: unknown, envelope: Pick<Envelope, 'begin'>) => {
    if (spec.adds.includes('frames')) envelope.begin();
    await clock.advance(takes);
    if ('dropped' in answer) return drop(answer.dropped);
    if ('rejected' in answer) throw new VimiError(answer.rejected as ErrorCode, 'As the test recorded it');
    return answer.fields;
  };
  return {
    ...step,
    operator: {
      ...spec,
      create: () => ({ step: mapEach<never>(work, { step: step.name, concurrency: 1, clock, attempts: 1 }) }),
    },
  };
}
