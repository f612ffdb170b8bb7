import { describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import type { Log } from '../../../src/core/log.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { EventRejected } from '../../../src/events/schemas.js';
import type { Outcome } from '../../../src/flow/envelope.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { Outcomes } from '../../../src/streams/delivery/outcomes.js';
import { Untold } from '../../../src/streams/delivery/running-steps.js';
import type { Settled } from '../../../src/streams/delivery/settled.js';
import { quietLog } from './pipeline-fixtures.js';

const origin = { topic: 'in', partition: 2, offset: 7, key: null, value: Buffer.from('{}'), headers: {}, timestamp: 0 };
const event = {
  ...{ id: 'e', source: '/test', type: 'dev.vimi.media.added.v1', time: '1970-01-01T00:00:00.000Z', data: {} },
  schema: 'media.added' as const,
};
const output: NewRecord = { topic: 'out', key: null, value: Buffer.from('made'), headers: {} };
const rejected = (message: string): Outcome & { kind: 'rejected' } => ({
  ...{ kind: 'rejected', step: 'work', attempts: 3, error: new VimiError('MEDIA_DAMAGED', message) },
});
const settled = (outcome: Outcome, outputs: NewRecord[] = []): Settled => ({
  ...{ origin, event, outcome, parts: [{ part: '', outcome }], outputs },
});

function outcomes(
  { tell = () => [], rejects = 'rejects' as string | null, log = quietLog as Log } = {} as {
    tell?: (settlement: Settlement) => NewRecord[];
    rejects?: string | null;
    log?: Log;
  },
) {
  const counted: string[] = [];
  const report = {
    onRejected: (_: object, part: string, { error, step }: Outcome & { kind: 'rejected' }) =>
      void counted.push(`${part}:${error.code} at ${step}`),
  };
  const parts = { steps: { tellOutcome: tell }, report, clock: { now: () => 0 }, log };
  return { of: new Outcomes({ name: 'test', rejects }, parts), counted };
}
const rejectsOf = (records: readonly NewRecord[]) =>
  records
    .filter(({ topic }) => topic === 'rejects')
    .map((record) => decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['event.rejected']).data)
    .map((data) => data as EventRejected);

describe('what a settled event publishes', () => {
  it('is its outputs, then what the steps say of it', () => {
    const said = { ...output, topic: 'jobs' };
    const { of, counted } = outcomes({ tell: ({ outcome }) => (outcome.kind === 'delivered' ? [said] : []) });
    expect(of.of(settled({ kind: 'delivered' }, [output])).records).toEqual([output, said]);
    expect(of.of(settled({ kind: 'dropped', reason: 'duplicate' })).records).toEqual([]);
    expect(counted).toEqual([]);
  });

  it('is a reject for each part that was rejected, beside the outputs of the others', () => {
    const { of, counted } = outcomes();
    const outcome: Outcome = { kind: 'delivered' };
    const parts = [
      { part: '0', outcome: rejected('first') },
      { part: '1', outcome },
      { part: '2', outcome: rejected('third') },
    ];
    const { records } = of.of({ ...settled(outcome, [output]), parts });
    expect(records[0]).toBe(output);
    expect(rejectsOf(records).map(({ part, error }) => [part, error.message])).toEqual([
      ['0', 'first'],
      ['2', 'third'],
    ]);
    expect(counted).toEqual(['0:MEDIA_DAMAGED at work', '2:MEDIA_DAMAGED at work']);
    expect(outcomes({ rejects: null }).of.of({ ...settled(outcome, [output]), parts }).records).toEqual([output]);
  });

  it('asks no step about what could not be read as an event', () => {
    const tell = () => expect.fail('it was asked');
    const { event: _, ...unread } = settled(rejected('no JSON'));
    expect(rejectsOf(outcomes({ tell }).of.of(unread).records)).toHaveLength(1);
  });

  it('is a reject alone when a step fails to tell, in the name of that step', () => {
    const tell = ({ outcome }: Settlement) => {
      if (outcome.kind === 'rejected') return [];
      throw new Untold('admit', new VimiError('EVENT_INVALID', 'No such state'));
    };
    const { of, counted } = outcomes({ tell });
    const told = of.of(settled({ kind: 'delivered' }, [output]));
    expect(told.settled).toMatchObject({ outcome: { kind: 'rejected', step: 'admit' }, outputs: [] });
    expect(told.records).toHaveLength(1);
    expect(rejectsOf(told.records)[0]).toMatchObject({ step: 'admit', error: { code: 'EVENT_INVALID' } });
    expect(counted).toEqual([':EVENT_INVALID at admit']);
  });

  it('is nothing when not even the reject can be told, and that is logged', () => {
    const lines: object[] = [];
    const log = { ...quietLog, error: (fields: object) => void lines.push(fields) };
    const tell = () => {
      throw new Error('broken');
    };
    const told = outcomes({ tell, log }).of.of(settled({ kind: 'delivered' }, [output]));
    expect(told).toMatchObject({ settled: { outcome: { kind: 'rejected', step: 'tell' } }, records: [] });
    expect(lines).toEqual([expect.objectContaining({ topic: 'in', partition: 2, offset: 7, code: 'INTERNAL' })]);
  });
});

describe('an event whose output the log never takes', () => {
  const tooLarge = new VimiError('EVENT_TOO_LARGE', 'Too large');

  it('is rejected instead, and published as that', () => {
    const { of, counted } = outcomes();
    const refused = of.refused(of.of(settled({ kind: 'delivered' }, [output])), tooLarge);
    expect(refused.settled.outcome).toMatchObject({
      kind: 'rejected',
      step: 'commit',
      error: { code: 'EVENT_TOO_LARGE' },
    });
    expect(rejectsOf(refused.records)).toHaveLength(1);
    expect(counted).toEqual([':EVENT_TOO_LARGE at commit']);
  });

  it('is counted alone when its reject is refused too', () => {
    const lines: object[] = [];
    const { of, counted } = outcomes({ log: { ...quietLog, error: (fields: object) => void lines.push(fields) } });
    const once = of.refused(of.of(settled({ kind: 'delivered' }, [output])), tooLarge);
    const twice = of.refused(once, tooLarge);
    expect(twice).toMatchObject({ settled: { outcome: { kind: 'rejected', step: 'commit' } }, records: [] });
    expect(lines).toEqual([{ topic: 'in', partition: 2, offset: 7, records: 1 }]);
    expect(counted).toHaveLength(1);
  });
});
